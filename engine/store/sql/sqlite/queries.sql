-- What the SQLite home asks and writes. States are the numbers of engine/domain/status.py.

-- name: insert_content
INSERT INTO content (id, kind, body) VALUES (?, ?, ?)

-- name: insert_message
INSERT INTO message (id, feed, received_us, type, control_id, state, reason, answered, charset, content_id, relates_to, actor)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_control
INSERT INTO control_key (key, body, message_id) VALUES (?, ?, ?)

-- name: find_control
SELECT k.body, k.message_id, m.answered FROM control_key k JOIN message m ON m.id = k.message_id WHERE k.key = ?

-- name: route_message
UPDATE message SET state = ?, reason = ?, record_id = ?, edition_id = ?, stepped_us = ?, account = ?, patient = ?
WHERE id = ? AND state = ?

-- name: insert_fact
INSERT INTO fact (kind, key, at_us, message_id, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING

-- name: insert_line
INSERT INTO line (id, message_id, channel, number, key, strong, body, credit, state, reason, stated, currency)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_find
INSERT INTO line_find (key, line_id) VALUES (?, ?)

-- name: insert_effect
INSERT INTO effect (id, line_id, message_id, destination, name, action, key, version, owns, state, delivery_id,
                    reverses, quantity, measure, amount, currency, owner, cause, held_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_delivery
INSERT INTO delivery (id, message_id, channel, destination, effect, action, lane, priority, reference,
                      path, content_id, edition_id, state, created_us, sent_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, CASE WHEN ?13 = 1 THEN ?14 END)

-- name: mark_sending
UPDATE delivery SET state = 1, next_us = NULL, sent_us = ? WHERE id = ? AND state IN (0, 2, 3)

-- name: withdraw
UPDATE delivery SET state = 0, sent_us = NULL WHERE id = ? AND state = 1

-- name: settle_delivery
UPDATE delivery SET state = ?, attempts = attempts + ?, next_us = ?, settled_us = ?, code = ?
WHERE id = ? AND state IN (0, 1, 2, 3, 5)

-- name: insert_receipt
INSERT INTO receipt (delivery_id, at_us, code, document, amount, actor) VALUES (?, ?, ?, ?, ?, ?)

-- name: insert_attempt
INSERT INTO attempt (id, delivery_id, at_us, verdict, code, reply_id) VALUES (?, ?, ?, ?, ?, ?)

-- name: free_keys
UPDATE effect SET owns = 0 WHERE delivery_id = ?

-- name: supersede_message
UPDATE message SET state = 6, relates_to = ? WHERE id = ? AND state = 3

-- name: relate_message
UPDATE message SET relates_to = ? WHERE id = ?

-- name: supersede_effects
UPDATE effect SET state = 3, owns = 0, cause = 'superseded by a replay' WHERE message_id = ? AND state = 2

-- name: held_effects
SELECT e.id, l.channel, l.number, e.name, e.action, e.line_id FROM effect e JOIN line l ON l.id = e.line_id
WHERE e.message_id = ? AND e.state = 2

-- name: release_effect
UPDATE effect SET state = ?, delivery_id = ?, key = ?, version = ?, owns = ?, reverses = ?, quantity = ?, measure = ?,
                  amount = ?, owner = ?, cause = ?
WHERE id = ? AND state = 2

-- name: cancel_effect
UPDATE effect SET state = 3, owns = 0, cause = ? WHERE id = ? AND state = 2

-- name: post_line
UPDATE line SET state = 1, reason = '' WHERE id = ? AND state = 3

-- name: message_restate
UPDATE message SET state = CASE
    WHEN EXISTS (SELECT 1 FROM effect WHERE message_id = message.id AND state = 1) THEN 1
    WHEN EXISTS (SELECT 1 FROM effect WHERE message_id = message.id AND state = 2) THEN 3
    ELSE 2 END,
  reason = CASE
    WHEN EXISTS (SELECT 1 FROM effect WHERE message_id = message.id AND state = 1) THEN ''
    WHEN EXISTS (SELECT 1 FROM effect WHERE message_id = message.id AND state = 2) THEN reason
    ELSE ? END
WHERE id = ? AND state IN (1, 2, 3)

-- name: set_record
UPDATE message SET record_id = ?, edition_id = ? WHERE id = ?

-- name: record_of
SELECT c.body FROM message m JOIN content c ON c.id = m.record_id WHERE m.id = ?

-- name: requeue_read
SELECT message_id, channel, destination, effect, action, lane, priority, reference, path, content_id, edition_id
FROM delivery WHERE id = ? AND state = 5

-- name: cancel_delivery
UPDATE delivery SET state = 6, settled_us = ? WHERE id = ? AND state IN (0, 2, 5)

-- name: move_effects
UPDATE effect SET delivery_id = ?, owns = 1 WHERE delivery_id = ?

-- name: stop_destination
INSERT INTO destination (name, stopped, code, at_us, actor) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET stopped = excluded.stopped, code = excluded.code, at_us = excluded.at_us, actor = excluded.actor

-- name: latest_table
SELECT version, hash FROM table_version WHERE name = ? ORDER BY version DESC LIMIT 1

-- name: insert_table
INSERT INTO table_version (name, version, hash, source, content_id, recorded_us, actor, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: find_release
SELECT id FROM release WHERE hash = ?

-- name: insert_release
INSERT INTO release (hash, content_id, created_us) VALUES (?, ?, ?) RETURNING id

-- name: insert_edition
INSERT INTO edition (release_id, tables, activated_us, actor) VALUES (?, ?, ?, ?) RETURNING id

-- name: insert_act
INSERT INTO act (at_us, actor, verb, target, reason, detail) VALUES (?, ?, ?, ?, ?, ?)

-- name: drop_effect
UPDATE effect SET state = 3, owns = 0, cause = ? WHERE id = ? AND (state = 2 OR EXISTS (
    SELECT 1 FROM delivery d WHERE d.id = effect.delivery_id AND d.state = 5))

-- name: effect_messages
SELECT DISTINCT message_id FROM effect WHERE id IN (SELECT value FROM json_each(?))

-- name: highest_ids
SELECT (SELECT coalesce(max(id), 0) FROM message), (SELECT coalesce(max(id), 0) FROM content),
       (SELECT coalesce(max(id), 0) FROM line), (SELECT coalesce(max(id), 0) FROM effect),
       (SELECT coalesce(max(id), 0) FROM delivery), (SELECT coalesce(max(id), 0) FROM attempt)

-- name: pending
SELECT m.id, m.feed, m.received_us, c.body, m.charset, CASE WHEN m.actor <> '' THEN m.relates_to END
FROM message m JOIN content c ON c.id = m.content_id
WHERE m.state = 0 AND m.id > ? ORDER BY m.id LIMIT ?

-- name: inbound
SELECT m.id, m.feed, m.received_us, c.body, m.charset, CASE WHEN m.actor <> '' THEN m.relates_to END
FROM message m JOIN content c ON c.id = m.content_id WHERE m.id = ?

-- name: encounter
SELECT value FROM fact WHERE kind = 'encounter' AND key = ? ORDER BY at_us DESC, message_id DESC LIMIT 1

-- name: alias
SELECT value FROM fact WHERE kind = 'alias' AND key = ? ORDER BY at_us DESC, message_id DESC LIMIT 1

-- name: any_alias
SELECT 1 FROM fact WHERE kind = 'alias' LIMIT 1

-- name: priors
SELECT e.id, e.message_id, l.number, e.destination, e.name, e.action, e.version, e.state, l.body
FROM effect e JOIN line l ON l.id = e.line_id WHERE e.key = ? AND e.owns = 1

-- name: originals_by_key
SELECT id FROM effect WHERE key = ? AND owns = 1 AND action = 1

-- name: originals_by_find
SELECT e.id FROM line_find f JOIN effect e ON e.line_id = f.line_id WHERE f.key = ? AND e.owns = 1 AND e.action = 1

-- name: original
SELECT e.id, e.message_id, l.number, l.channel, e.destination, e.name, e.state, d.state, e.key, e.version, e.quantity,
       e.measure, e.amount, e.currency, coalesce(d.reference, ''), coalesce(r.document, '')
FROM effect e JOIN line l ON l.id = e.line_id LEFT JOIN delivery d ON d.id = e.delivery_id
LEFT JOIN receipt r ON r.delivery_id = e.delivery_id WHERE e.id = ?

-- name: taken_back
SELECT quantity, amount FROM effect WHERE reverses = ? AND owns = 1 AND state <> 3

-- name: ready
SELECT d.id, d.destination, d.effect, d.action, d.lane, d.priority, d.reference, d.path, c.body, d.attempts, d.state, d.next_us
FROM delivery d JOIN content c ON c.id = d.content_id
WHERE d.destination = ? AND d.state = 0 AND d.priority = ? AND d.id > ? ORDER BY d.id LIMIT ?

-- name: lane
SELECT d.id, d.destination, d.effect, d.action, d.lane, d.priority, d.reference, d.path, c.body, d.attempts, d.state, d.next_us
FROM delivery d JOIN content c ON c.id = d.content_id
WHERE d.destination = ? AND d.lane = ? AND d.state < 4 ORDER BY d.id LIMIT ?

-- name: late_in_lane
SELECT 1 FROM delivery WHERE destination = ? AND lane = ? AND state = 0 AND priority = 1 LIMIT 1

-- name: parked
SELECT id, lane, state, next_us, sent_us FROM delivery WHERE destination = ? AND state IN (1, 2, 3) ORDER BY id

-- name: stopped
SELECT name, code FROM destination WHERE stopped = 1

-- name: raw
SELECT c.body FROM message m JOIN content c ON c.id = m.content_id WHERE m.id = ?

-- name: lines
SELECT id, channel, number, strong, credit, state, reason, stated, currency FROM line WHERE message_id = ? ORDER BY id

-- name: effects
SELECT e.id, e.line_id, l.number, e.destination, e.name, e.action, e.version, e.state, e.delivery_id, e.reverses,
       e.quantity, e.measure, e.amount, e.currency, e.owner, e.cause
FROM effect e JOIN line l ON l.id = e.line_id WHERE e.message_id = ? ORDER BY e.id

-- name: deliveries
SELECT d.id, d.message_id, d.channel, d.destination, d.effect, d.action, d.reference, d.path, d.state, d.attempts,
       d.created_us, d.next_us, d.settled_us, d.code, coalesce(r.document, ''), r.amount
FROM delivery d LEFT JOIN receipt r ON r.delivery_id = d.id WHERE d.message_id = ? ORDER BY d.id

-- name: delivery
SELECT d.id, d.message_id, d.channel, d.destination, d.effect, d.action, d.reference, d.path, d.state, d.attempts,
       d.created_us, d.next_us, d.settled_us, d.code, coalesce(r.document, ''), r.amount
FROM delivery d LEFT JOIN receipt r ON r.delivery_id = d.id WHERE d.id = ?

-- name: documents
SELECT d.id, d.message_id, d.channel, d.destination, d.effect, d.action, d.reference, d.path, d.state, d.attempts,
       d.created_us, d.next_us, d.settled_us, d.code, coalesce(r.document, ''), r.amount
FROM delivery d JOIN receipt r ON r.delivery_id = d.id
WHERE d.destination = ? AND d.state = 4 AND d.id > ? ORDER BY d.id LIMIT ?

-- name: attempts
SELECT a.delivery_id, a.at_us, a.verdict, a.code FROM attempt a JOIN delivery d ON d.id = a.delivery_id
WHERE d.message_id = ? ORDER BY a.id

-- name: payload
SELECT c.body FROM delivery d JOIN content c ON c.id = d.content_id WHERE d.id = ?

-- name: worklist
WITH held (owner, cause, effect_id, line_id, message_id, at_us) AS (
    SELECT owner, cause, id, line_id, message_id, held_us FROM effect WHERE state = 2
    UNION ALL
    SELECT e.owner, d.destination || ' refused: ' || d.code, e.id, e.line_id, e.message_id, d.settled_us
    FROM delivery d JOIN effect e ON e.delivery_id = d.id WHERE d.state = 5 AND e.state = 1
    UNION ALL
    SELECT 'interface', reason, NULL, NULL, id, stepped_us FROM message
    WHERE state = 3 AND NOT EXISTS (SELECT 1 FROM effect WHERE effect.message_id = message.id)
), stakes AS (
    SELECT owner, cause, sum(CAST(round(l.stated * 10000) AS INTEGER)) AS stake, sum(l.id IS NOT NULL AND l.stated IS NULL) AS unpriced
    FROM (SELECT DISTINCT owner, cause, line_id FROM held) JOIN line l ON l.id = line_id GROUP BY owner, cause
)
SELECT h.owner, h.cause, count(h.effect_id), count(DISTINCT h.line_id), count(DISTINCT h.message_id), s.stake,
       coalesce(s.unpriced, 0), min(h.at_us), max(h.at_us), min(h.message_id), max(h.message_id)
FROM held h LEFT JOIN stakes s ON s.owner = h.owner AND s.cause = h.cause
WHERE ?1 IS NULL OR h.owner = ?1
GROUP BY h.owner, h.cause ORDER BY coalesce(abs(s.stake), 0) DESC, 3 DESC

-- name: held_messages
SELECT DISTINCT e.message_id FROM effect e
WHERE e.state = 2 AND (?1 IS NULL OR e.owner = ?1) AND (?2 IS NULL OR e.cause = ?2) AND e.message_id > ?3
UNION
SELECT m.id FROM message m WHERE m.state = 3 AND (?1 IS NULL OR ?1 = 'interface') AND (?2 IS NULL OR m.reason = ?2)
  AND m.id > ?3 AND NOT EXISTS (SELECT 1 FROM effect WHERE effect.message_id = m.id)
ORDER BY 1 LIMIT ?4

-- name: held_deliveries
SELECT id FROM delivery WHERE state = 5 AND (?1 IS NULL OR destination = ?1) ORDER BY id LIMIT ?2

-- name: message_counts
SELECT feed, state, count(*) FROM message GROUP BY feed, state

-- name: line_counts
SELECT state, reason, count(*), sum(CAST(round(coalesce(stated, 0) * 10000) AS INTEGER)) FROM line GROUP BY state, reason

-- name: account
SELECT e.destination, e.name, e.action, e.measure,
       CASE WHEN e.state = 2 THEN 'held' WHEN e.state = 3 THEN 'cancelled' WHEN d.state = 4 THEN 'delivered'
            WHEN d.state IN (0, 1, 2) THEN 'waiting' WHEN d.state = 3 THEN 'unknown' WHEN d.state = 5 THEN 'held'
            ELSE 'cancelled' END AS state,
       count(*), sum(CAST(round(coalesce(e.amount, 0) * 10000) AS INTEGER)),
       sum(e.measure IN (1, 2) AND e.amount IS NULL AND e.state = 1)
FROM effect e LEFT JOIN delivery d ON d.id = e.delivery_id GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5

-- name: far_end_money
SELECT d.destination, d.effect, d.action, sum(CAST(round(coalesce(r.amount, 0) * 10000) AS INTEGER))
FROM delivery d JOIN receipt r ON r.delivery_id = d.id WHERE d.state = 4 GROUP BY 1, 2, 3

-- name: editions
SELECT e.id, r.hash, e.tables, e.activated_us, e.actor FROM edition e JOIN release r ON r.id = e.release_id
ORDER BY e.id DESC LIMIT ?

-- name: release_files
SELECT c.body FROM release r JOIN content c ON c.id = r.content_id WHERE r.hash = ?

-- name: table_versions
SELECT id, name, version, hash, source, recorded_us, actor, reason FROM table_version
WHERE ?1 IS NULL OR name = ?1 ORDER BY id DESC

-- name: table_csv
SELECT c.body FROM table_version t JOIN content c ON c.id = t.content_id WHERE t.name = ? AND t.version = ?

-- name: acts
SELECT at_us, actor, verb, target, reason FROM act ORDER BY id DESC LIMIT ?

-- name: stored
SELECT m.id, m.feed, m.received_us, m.type, m.control_id, m.state, m.reason, m.answered, m.charset, m.edition_id,
       m.stepped_us, m.relates_to, m.actor, length(c.body)
FROM message m JOIN content c ON c.id = m.content_id
