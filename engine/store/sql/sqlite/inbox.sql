-- The inbox: bodies, messages, MSH-10 duplicates. States are the numbers of engine/domain/status.py.

-- name: insert_content
INSERT INTO content (id, kind, body) VALUES (?, ?, ?)

-- name: insert_message
INSERT INTO message (id, feed, received_us, type, control_id, state, reason, answered, charset, content_id, relates_to,
                     actor, step_edition, step_to)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_control
INSERT INTO control_key (key, body, message_id) VALUES (?, ?, ?)

-- name: find_control
SELECT k.body, k.message_id, m.answered FROM control_key k JOIN message m ON m.id = k.message_id WHERE k.key = ?

-- name: pending
-- Of a replay also the first of those that it tells again.
SELECT m.id, m.feed, m.received_us, c.body, m.charset, m.relates_to, m.step_edition, m.step_to, f.id, f.received_us
FROM message m JOIN content c ON c.id = m.content_id
LEFT JOIN message f ON f.id = (
    WITH RECURSIVE told(id) AS (
        SELECT m.id WHERE m.relates_to IS NOT NULL
        UNION SELECT o.relates_to FROM message o JOIN told ON o.id = told.id WHERE o.relates_to IS NOT NULL
    ) SELECT min(id) FROM told)
WHERE m.state = 0 AND m.id > ? ORDER BY m.id LIMIT ?

-- name: inbound
-- A repeat refers to the first and a superseded message to its replay: neither says what it replays.
SELECT m.id, m.feed, m.received_us, c.body, m.charset,
       CASE WHEN m.state = 6 OR (m.state = 4 AND m.stepped_us IS NULL) THEN NULL ELSE m.relates_to END,
       m.step_edition, m.step_to, f.id, f.received_us
FROM message m JOIN content c ON c.id = m.content_id
LEFT JOIN message f ON f.id = (
    WITH RECURSIVE told(id) AS (
        SELECT m.id WHERE m.relates_to IS NOT NULL
        UNION SELECT o.relates_to FROM message o JOIN told ON o.id = told.id WHERE o.relates_to IS NOT NULL
    ) SELECT min(id) FROM told)
WHERE m.id = ?

-- name: inbounds
SELECT m.id, m.feed, m.received_us, c.body, m.charset,
       CASE WHEN m.state = 6 OR (m.state = 4 AND m.stepped_us IS NULL) THEN NULL ELSE m.relates_to END,
       m.step_edition, m.step_to, f.id, f.received_us
FROM message m JOIN content c ON c.id = m.content_id
LEFT JOIN message f ON f.id = (
    WITH RECURSIVE told(id) AS (
        SELECT m.id WHERE m.relates_to IS NOT NULL
        UNION SELECT o.relates_to FROM message o JOIN told ON o.id = told.id WHERE o.relates_to IS NOT NULL
    ) SELECT min(id) FROM told)
WHERE m.id IN carray(?) ORDER BY m.id

-- name: newest_posting_save
-- The newest save of a case among those that posted something, or would have.
SELECT f.at_us, f.message_id FROM fact f JOIN message m ON m.id = f.message_id
WHERE f.kind = 'save' AND f.key = ? AND m.state IN (1, 2, 3) ORDER BY f.at_us DESC, f.message_id DESC LIMIT 1

-- name: stepped
-- What posted something, or would have: duplicates, refused and superseded messages did not, whatever the site says.
SELECT m.type, r.body, m.id, m.feed, m.received_us, c.body, m.charset, m.relates_to, m.step_edition, m.step_to,
       f.id, f.received_us
FROM message m JOIN content c ON c.id = m.content_id LEFT JOIN content r ON r.id = m.record_id
LEFT JOIN message f ON f.id = (
    WITH RECURSIVE told(id) AS (
        SELECT m.id WHERE m.relates_to IS NOT NULL
        UNION SELECT o.relates_to FROM message o JOIN told ON o.id = told.id WHERE o.relates_to IS NOT NULL
    ) SELECT min(id) FROM told)
WHERE m.id BETWEEN ? AND ? AND +m.state IN (1, 2, 3) ORDER BY m.id
