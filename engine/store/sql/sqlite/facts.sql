-- Facts of a step, many keys at a time.

-- name: latest_facts
SELECT k.value, (SELECT f.value FROM fact f WHERE f.kind = ?1 AND f.key = k.value
                 ORDER BY f.at_us DESC, f.message_id DESC LIMIT 1)
FROM carray(?2) k

-- name: any_alias
SELECT 1 FROM fact WHERE kind = 'alias' LIMIT 1

-- name: latest_alias
SELECT at_us, message_id, value FROM fact WHERE kind = 'alias' AND key = ? ORDER BY at_us DESC, message_id DESC LIMIT 1

-- name: priors
SELECT e.key, e.id, e.message_id, l.number, e.destination, e.name, e.action, e.version, e.state, l.body
FROM effect e JOIN line l ON l.id = e.line_id WHERE e.owns = 1 AND e.key IN carray(?) ORDER BY e.id

-- name: originals_by_key
SELECT key, id FROM effect WHERE owns = 1 AND action = 1 AND key IN carray(?)

-- name: originals_by_find
SELECT f.key, e.id FROM line_find f JOIN line l ON l.id = f.line_id
JOIN effect e ON e.message_id = l.message_id AND e.line_id = l.id AND e.owns = 1 AND e.action = 1
WHERE f.key IN carray(?)

-- name: originals
SELECT e.id, e.message_id, l.number, l.channel, e.destination, e.name, e.state, d.state, e.key, e.version, e.quantity,
       e.measure, e.amount, e.currency, coalesce(d.reference, ''), coalesce(r.document, ''),
       coalesce(d.record_id, m.record_id)
FROM effect e JOIN line l ON l.id = e.line_id JOIN message m ON m.id = e.message_id
LEFT JOIN delivery d ON d.id = e.delivery_id LEFT JOIN receipt r ON r.delivery_id = e.delivery_id
WHERE e.id IN carray(?) ORDER BY e.id

-- name: taken_back
SELECT reverses, quantity, amount FROM effect WHERE reverses IN carray(?) AND owns = 1 AND state = 1

-- name: record_body
SELECT body FROM content WHERE id = ?
