-- Facts of a step, many keys at a time.

-- name: latest_facts
SELECT k.value, (SELECT f.value FROM fact f WHERE f.kind = ?1 AND f.key = k.value
                 ORDER BY f.at_us DESC, f.message_id DESC LIMIT 1)
FROM carray(?2) k

-- name: told_of
SELECT key, at_us, value FROM fact WHERE kind = ? AND key IN carray(?)

-- name: any_alias
SELECT 1 FROM fact WHERE kind = 'alias' LIMIT 1

-- name: aliases_of
SELECT value FROM fact WHERE kind = 'alias' AND key IN carray(?)

-- name: latest_alias
SELECT at_us, message_id, value FROM fact WHERE kind = 'alias' AND key = ? ORDER BY at_us DESC, message_id DESC LIMIT 1

-- name: newest_save
SELECT at_us, message_id FROM fact WHERE kind = 'save' AND key = ? ORDER BY at_us DESC, message_id DESC LIMIT 1

-- name: tellings
-- A replay tells nothing new: what it holds beside others is held of the message that it tells again.
SELECT f.key, f.message_id, f.value,
       (SELECT group_concat(e.id) FROM effect e JOIN inbound i ON i.id = e.message_id
        WHERE e.key = f.key AND e.owns = 0 AND e.held_us IS NOT NULL AND e.state = 2
            AND coalesce(i.first, i.id) = f.message_id)
FROM fact f WHERE f.kind = 'told' AND f.key IN carray(?) ORDER BY f.message_id

-- name: keys_of_case
SELECT l.key, min(l.id) AS first FROM line_find f JOIN line l ON l.id = f.line_id WHERE f.key = ? GROUP BY l.key ORDER BY first

-- name: priors
SELECT e.key, e.id, e.message_id, l.number, e.destination, e.name, e.action, e.version, e.state, l.body,
       coalesce((SELECT i.first FROM inbound i WHERE i.id = e.message_id), e.message_id)
FROM effect e JOIN line l ON l.id = e.line_id WHERE e.owns = 1 AND e.key IN carray(?) ORDER BY e.id

-- name: originals_by_key
-- What was refused for good is one, too: its credit waits for it.
SELECT key, id FROM effect WHERE owns = 1 AND action = 1 AND key IN carray(?1)
UNION
SELECT key, id FROM effect WHERE owns = 0 AND held_us IS NOT NULL AND state = 1 AND action = 1 AND key IN carray(?1)

-- name: originals_by_find
-- Effects are found by their message: of a long one all at once, not again for each line.
WITH found AS MATERIALIZED (SELECT key, line_id FROM line_find WHERE key IN carray(?)),
     tellers AS MATERIALIZED (SELECT DISTINCT l.message_id FROM found JOIN line l ON l.id = found.line_id)
SELECT found.key, e.id FROM tellers CROSS JOIN effect e ON e.message_id = tellers.message_id AND e.action = 1
    AND (e.owns = 1 OR (e.state = 1 AND e.held_us IS NOT NULL))
CROSS JOIN found ON found.line_id = e.line_id

-- name: originals
WITH carriers AS MATERIALIZED (SELECT DISTINCT delivery_id FROM effect WHERE id IN carray(?1) AND delivery_id IS NOT NULL),
     shares AS MATERIALIZED (SELECT s.delivery_id, count(*) AS lines FROM carriers
                             CROSS JOIN effect s ON s.delivery_id = carriers.delivery_id GROUP BY s.delivery_id)
SELECT e.id, e.message_id, l.number, l.channel, e.destination, e.name, e.state, e.owns, d.id, d.state,
       coalesce(s.lines, 0), e.key, e.version, e.quantity,
       e.measure, e.amount, e.currency, coalesce(d.reference, ''), coalesce(r.document, ''), r.amount, d.edition_id,
       coalesce(d.record_id, m.record_id), e.part
FROM effect e JOIN line l ON l.id = e.line_id JOIN message m ON m.id = e.message_id
LEFT JOIN delivery d ON d.id = e.delivery_id LEFT JOIN receipt r ON r.delivery_id = e.delivery_id
LEFT JOIN shares s ON s.delivery_id = e.delivery_id
WHERE e.id IN carray(?1) ORDER BY e.id

-- name: reversals
SELECT reverses, id, message_id, state, quantity, amount FROM effect
WHERE reverses IN carray(?) AND owns = 1 AND state IN (1, 2, 3, 5) ORDER BY id

-- name: posted_for_account
SELECT e.id FROM message m JOIN effect e ON e.message_id = m.id
WHERE m.account = ? AND e.action = 1 AND e.owns = 1 AND e.state = 1
    AND m.type NOT IN ('ADT^A18', 'ADT^A34', 'ADT^A35', 'ADT^A36', 'ADT^A40', 'ADT^A41', 'ADT^A42', 'ADT^A50',
                       'ADT^A43', 'ADT^A44', 'ADT^A45')  -- merges and moves

-- name: stays_to_decide
SELECT id FROM message WHERE account = ? AND state = 3 AND NOT EXISTS (SELECT 1 FROM line WHERE line.message_id = message.id)

-- name: record_body
SELECT body FROM content WHERE id = ?
