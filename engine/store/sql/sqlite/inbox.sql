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
SELECT id, feed, received_us, body, charset, replays, step_edition, step_to, first, first_us
FROM inbound WHERE state = 0 AND id > ? ORDER BY id LIMIT ?

-- name: inbound
SELECT id, feed, received_us, body, charset, replays, step_edition, step_to, first, first_us
FROM inbound WHERE id = ?

-- name: inbounds
SELECT id, feed, received_us, body, charset, replays, step_edition, step_to, first, first_us
FROM inbound WHERE id IN carray(?) ORDER BY id

-- name: newest_posting_save
-- The newest save of a case among those that posted something, or would have; of a replay, the first that it tells again.
SELECT f.at_us, f.message_id FROM fact f JOIN message m ON m.id = f.message_id
WHERE f.kind = 'save' AND f.key = ? AND m.state IN (1, 2, 3, 6) ORDER BY f.at_us DESC, f.message_id DESC LIMIT 1

-- name: newest_posting_tellings
-- The same of lines that have ids of their own.
SELECT f.key, max(f.message_id) FROM fact f JOIN message m ON m.id = f.message_id
WHERE f.kind = 'told' AND f.key IN carray(?) AND m.state IN (1, 2, 3, 6) GROUP BY f.key

-- name: stepped
-- What posted something, or would have: duplicates, refused and superseded messages did not, whatever the site says.
SELECT i.type, r.body, i.id, i.feed, i.received_us, i.body, i.charset, i.replays, i.step_edition, i.step_to,
       i.first, i.first_us
FROM inbound i LEFT JOIN content r ON r.id = i.record_id
WHERE i.id BETWEEN ? AND ? AND +i.state IN (1, 2, 3) ORDER BY i.id

-- name: dropped
-- What persons decided is not to be posted, and was not posted all the same: (message, channel, line, destination, effect,
-- action, part). NULL from the destination on: the line's effects could not be told; from the channel on: nor its lines.
SELECT e.message_id, l.channel, l.number, e.destination, e.name, e.action, e.part
FROM effect e JOIN line l ON l.id = e.line_id
WHERE e.message_id BETWEEN ?1 AND ?2 AND e.state = 3 AND e.cause IN (?3, ?4) AND NOT EXISTS (
    SELECT 1 FROM effect o WHERE o.message_id = e.message_id AND o.line_id = e.line_id AND o.destination = e.destination
        AND o.name = e.name AND o.action = e.action AND o.part = e.part AND o.state IN (1, 2, 5))
UNION ALL
SELECT message_id, channel, number, NULL, NULL, NULL, NULL FROM line
WHERE message_id BETWEEN ?1 AND ?2 AND state = 2 AND reason = ?3
UNION ALL
SELECT id, NULL, NULL, NULL, NULL, NULL, NULL FROM message
WHERE id BETWEEN ?1 AND ?2 AND +state = 2 AND reason = ?3
    AND NOT EXISTS (SELECT 1 FROM line WHERE line.message_id = message.id)

-- name: refused_messages
-- By door and reason; a message that was taken later, sent again or replayed, is somebody's affair already.
SELECT m.feed, m.reason, count(*), min(m.received_us), max(m.id) FROM message m INDEXED BY message_state
WHERE m.state = 5 AND m.state > 0 AND m.received_us >= ?1
    AND NOT EXISTS (
        SELECT 1 FROM message l INDEXED BY message_control
        WHERE l.control_id = m.control_id AND l.control_id <> '' AND l.feed = m.feed AND l.id > m.id AND l.state <> 5)
GROUP BY m.feed, m.reason ORDER BY min(m.received_us), m.feed, m.reason
