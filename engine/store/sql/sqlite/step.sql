-- What a step writes, and what a release, a replay or a person changes of it afterwards.

-- name: route_message
UPDATE message SET state = ?, reason = ?, record_id = ?, edition_id = ?, stepped_us = ?, account = ?, patient = ?
WHERE id = ? AND state = ?

-- name: insert_fact
INSERT OR REPLACE INTO fact (kind, key, at_us, message_id, value) VALUES (?, ?, ?, ?, ?)

-- name: insert_line
INSERT INTO line (id, message_id, channel, number, key, strong, body, credit, state, reason, stated, currency, owner)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_find
INSERT OR IGNORE INTO line_find (key, line_id) VALUES (?, ?)

-- name: insert_effect
INSERT INTO effect (id, line_id, message_id, destination, name, action, key, version, owns, state, delivery_id,
                    reverses, quantity, measure, amount, currency, owner, cause, held_us, lane, part)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_delivery
INSERT INTO delivery (id, message_id, channel, destination, effect, action, lane, priority, reference, path,
                      content_id, edition_id, record_id, state, created_us, sent_us, after_id,
                      joins)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_sighting
INSERT OR REPLACE INTO sighting (key, destination, effect, part, channel, owned, place, quantity, same, message_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: forget_sighting
DELETE FROM sighting WHERE key = ? AND destination = ? AND effect = ?

-- name: owner_of_key
SELECT message_id FROM effect
WHERE owns = 1 AND key = ? AND destination = ? AND name = ? AND action = ? AND version = ? AND part = ?

-- name: told_by_another
-- Whether another message owns the key, in whatever parts: a kit may have others by now.
SELECT 1 FROM effect WHERE owns = 1 AND key = ? AND destination = ? AND name = ? AND action = ? AND version = ?
    AND message_id <> (SELECT message_id FROM delivery WHERE id = ?)

-- name: state_of_message
SELECT state FROM message WHERE id = ?

-- name: effects_that_count
SELECT l.channel, l.number, e.name, e.action, e.part, e.id, e.line_id, e.state IN (2, 5)
FROM effect e JOIN line l ON l.id = e.line_id WHERE e.message_id = ? AND e.state IN (1, 2, 5)

-- name: held_lines
SELECT channel, number, id FROM line WHERE message_id = ? AND state = 3

-- name: release_effect
UPDATE effect SET state = ?, delivery_id = ?, key = ?, version = ?, owns = ?, reverses = ?, quantity = ?, measure = ?,
                  amount = ?, currency = ?, owner = ?, cause = ?, part = ?, held_us = CASE WHEN ?1 = 2 THEN coalesce(held_us, ?) END
WHERE id = ?

-- name: cancel_effect
UPDATE effect SET state = 3, owns = 0, cause = ?, held_us = NULL WHERE id = ?

-- name: supersede_effects
UPDATE effect SET state = 4, owns = 0, cause = '', held_us = NULL
WHERE message_id = ?1 AND state IN (2, 5) AND (?2 IS NULL OR destination = ?2)

-- name: supersede_lines
UPDATE line SET state = 6, reason = '' WHERE message_id = ?1
AND id NOT IN (SELECT line_id FROM effect WHERE message_id = ?1 AND state IN (1, 2, 5))
AND (?2 OR state = 3 OR id IN (SELECT line_id FROM effect WHERE message_id = ?1 AND state = 4))

-- name: supersede_message
UPDATE message SET state = 6, reason = '', relates_to = ? WHERE id = ?

-- name: has_expected_effect
SELECT 1 FROM effect WHERE message_id = ? AND state IN (1, 2, 5) LIMIT 1

-- name: lines_by_effects
-- For each line: its state, whether an effect of it is on its way, and whether one waits for a person.
WITH standing AS MATERIALIZED (SELECT line_id, max(state IN (1, 5)) AS moves, max(state = 2) AS waits
                               FROM effect WHERE message_id = ?1 GROUP BY line_id)
SELECT l.id, l.state, coalesce(s.moves, 0), coalesce(s.waits, 0)
FROM line l LEFT JOIN standing s ON s.line_id = l.id WHERE l.message_id = ?1 ORDER BY l.id

-- name: restate_line
UPDATE line SET state = ?, reason = ? WHERE id = ?

-- name: states_of_lines
SELECT DISTINCT state FROM line WHERE message_id = ?

-- name: restate_message
-- What a replay took the place of stays so, also when the replay withdraws what it had held.
UPDATE message SET state = ?, reason = ? WHERE id = ? AND state <> 6

-- name: hold_message
-- Only what waits for a person is left of what was on its way.
UPDATE message SET state = 3, reason = (SELECT cause FROM effect WHERE message_id = ?1 AND state = 2 ORDER BY id LIMIT 1)
WHERE id = ?1 AND state = 1

-- name: close_message
UPDATE message SET state = 2, reason = ? WHERE id = ? AND state = 3

-- name: posted_lines
SELECT channel, number, id FROM line WHERE message_id = ?

-- name: standing_of_original
-- Where an original stands now, and each reversal of it but for those that wait of the two messages themselves.
SELECT e.state, d.state, e.key, r.id FROM effect e LEFT JOIN delivery d ON d.id = e.delivery_id
LEFT JOIN effect r ON r.reverses = e.id AND r.owns = 1
    AND (r.state = 1 OR (r.state = 5 AND r.message_id NOT IN (?2, coalesce(?3, 0))))
WHERE e.id = ?1

-- name: carriers
SELECT DISTINCT delivery_id FROM effect WHERE id IN carray(?) AND delivery_id IS NOT NULL

-- name: carried_besides
-- Whether documents of these effects carry others.
SELECT 1 FROM effect WHERE delivery_id IN (SELECT delivery_id FROM effect WHERE id IN carray(?1))
    AND id NOT IN carray(?1) AND state = 1 LIMIT 1

-- name: cancel_delivery
UPDATE delivery SET state = 6, settled_us = ?, next_us = NULL, code = ? WHERE id = ? AND state IN (0, 2, 5)

-- name: cancel_unsent_effects
-- The keys stay taken: told again, it is a duplicate of what was cancelled.
UPDATE effect SET state = 3, owns = 1, cause = ?1, held_us = NULL WHERE id IN carray(?2)

-- name: withdraw_effects
UPDATE effect SET state = 3, owns = 0, cause = ?1, held_us = NULL
WHERE id IN carray(?2) AND state IN (2, 5) AND delivery_id IS NULL

-- name: messages_of_effects
SELECT DISTINCT message_id FROM effect WHERE id IN carray(?)

-- name: restep_message
-- Whose it is may be known only by now.
UPDATE message SET record_id = coalesce(?, record_id), edition_id = ?, stepped_us = ?, account = coalesce(account, ?),
                   patient = coalesce(patient, ?) WHERE id = ?
