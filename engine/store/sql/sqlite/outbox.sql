-- The outbox: lanes, moves of deliveries, receipts and attempts.

-- name: move_delivery
-- `from` is a mask of the states from which the move is legal (engine/domain/status.py: DELIVERY_MOVES).
UPDATE delivery SET state = ?, attempts = attempts + ?, sent_us = coalesce(?, sent_us), next_us = ?, settled_us = ?,
                    code = coalesce(?, code)
WHERE id = ? AND (? >> state) & 1

-- name: no_longer_open
SELECT id FROM delivery WHERE id IN carray(?) AND state > 4

-- name: open_followers
SELECT id FROM delivery WHERE after_id = ? AND state IN (0, 2) ORDER BY id

-- name: held_followers
SELECT id FROM delivery WHERE after_id = ? AND state = 5 ORDER BY id

-- name: gone_again
SELECT 1 FROM delivery WHERE id = ? AND state = 6

-- name: not_before
SELECT e.key, a.state FROM delivery d JOIN delivery a ON a.id = d.after_id JOIN effect e ON e.delivery_id = d.id
WHERE d.id = ? LIMIT 1

-- name: insert_receipt
INSERT INTO receipt (delivery_id, at_us, code, document, amount, actor) VALUES (?, ?, ?, ?, ?, ?)

-- name: insert_attempt
INSERT INTO attempt (id, delivery_id, at_us, verdict, code, reply_id) VALUES (?, ?, ?, ?, ?, ?)

-- name: hold_effects
UPDATE effect SET held_us = ?, owns = owns AND NOT ?, cause = (SELECT destination FROM delivery WHERE id = ?4) || ?3
WHERE delivery_id = ?4

-- name: settle_held_effects
UPDATE effect SET held_us = NULL, cause = '' WHERE delivery_id = ?

-- name: own_again
UPDATE OR IGNORE effect SET owns = 1 WHERE delivery_id = ? AND owns = 0

-- name: cancel_effects
UPDATE effect SET state = 3, owns = 0, cause = ?, held_us = NULL WHERE delivery_id = ?

-- name: message_of_delivery
SELECT message_id FROM delivery WHERE id = ?

-- name: keys_of_delivery
SELECT key, destination, name, action, version, part FROM effect WHERE delivery_id = ? AND owns = 0

-- name: copy_delivery
INSERT INTO delivery (id, message_id, channel, destination, effect, action, lane, priority, reference, path,
                      content_id, edition_id, record_id, state, created_us, after_id, joins)
SELECT ?1, message_id, channel, destination, effect, action, lane, priority, reference, path, content_id, edition_id,
       record_id, 0, ?2, coalesce(?4, after_id), joins
FROM delivery WHERE id = ?3

-- name: move_effects
UPDATE effect SET delivery_id = ?, owns = 1, held_us = NULL, cause = '' WHERE delivery_id = ?

-- name: stop_destination
INSERT INTO destination (name, stopped, code, at_us, actor) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE
SET stopped = excluded.stopped, code = excluded.code, at_us = excluded.at_us, actor = excluded.actor

-- name: stopped
SELECT name, code FROM destination WHERE stopped = 1

-- name: ready
SELECT d.id, d.destination, d.effect, d.action, d.lane, d.priority, d.reference, d.path, c.body, d.attempts, d.state,
       d.next_us, d.joins
FROM delivery d JOIN content c ON c.id = d.content_id
WHERE d.destination = ? AND d.state = 0 AND d.priority = ? AND d.id > ? ORDER BY d.id LIMIT ?

-- name: lane
SELECT d.id, d.destination, d.effect, d.action, d.lane, d.priority, d.reference, d.path, c.body, d.attempts, d.state,
       d.next_us, d.joins
FROM delivery d JOIN content c ON c.id = d.content_id
WHERE d.destination = ? AND d.lane = ? AND d.state < 4 ORDER BY d.id LIMIT ?

-- name: preceded
SELECT d.id FROM carray(?) k JOIN delivery d ON d.id = k.value
WHERE EXISTS (SELECT 1 FROM delivery e
              WHERE e.destination = d.destination AND e.lane = d.lane AND e.id < d.id AND e.state < 4 AND e.state = 0)

-- name: open_before
SELECT 1 FROM delivery WHERE destination = ?1 AND lane IN carray(?2) AND state < 4 AND id < ?3 LIMIT 1

-- name: held_before
SELECT 1 FROM delivery WHERE destination = ?1 AND state = 5 AND lane IN carray(?2) AND id < ?3
UNION ALL
SELECT 1 FROM effect WHERE destination = ?1 AND state = 2 AND lane IN carray(?2)
    AND message_id < (SELECT message_id FROM delivery WHERE id = ?3)
LIMIT 1

-- name: newest
SELECT id FROM delivery WHERE destination = ? AND state = 0 AND priority = 0 ORDER BY id DESC LIMIT 1 OFFSET ?

-- name: parked
SELECT id, lane, state, next_us, sent_us FROM delivery WHERE destination = ? AND state IN (1, 2, 3) ORDER BY id

-- name: held_deliveries
SELECT d.id FROM delivery d WHERE d.state = 5 AND (?1 IS NULL OR d.destination = ?1)
    AND (SELECT a.verdict <> 4 AND a.code NOT LIKE 'refused after unknown%' FROM attempt a WHERE a.delivery_id = d.id
         ORDER BY a.id DESC LIMIT 1)
    ORDER BY d.id LIMIT ?2

-- name: cancel_held_delivery
UPDATE delivery SET state = 6, settled_us = ?, next_us = NULL WHERE id = ? AND state = 5
