-- One message's story.

-- name: raw
SELECT c.body FROM message m JOIN content c ON c.id = m.content_id WHERE m.id = ?

-- name: record
SELECT c.body FROM message m JOIN content c ON c.id = m.record_id WHERE m.id = ?

-- name: lines
SELECT id, channel, number, strong, credit, state, reason, stated, currency, owner FROM line WHERE message_id = ? ORDER BY id

-- name: effects
SELECT e.id, e.line_id, l.number, e.destination, e.name, e.action, e.version, e.state, e.delivery_id, e.reverses,
       e.quantity, e.measure, e.amount, e.currency, e.owner, e.cause, e.part
FROM effect e JOIN line l ON l.id = e.line_id WHERE e.message_id = ? ORDER BY e.id

-- name: deliveries
SELECT d.id, d.message_id, d.channel, d.destination, d.effect, d.action, d.reference, d.path, d.state, d.attempts,
       d.created_us, d.next_us, d.settled_us, d.code, coalesce(r.document, ''), r.amount
FROM delivery d LEFT JOIN receipt r ON r.delivery_id = d.id WHERE d.message_id = ? ORDER BY d.id

-- name: delivery
SELECT d.id, d.message_id, d.channel, d.destination, d.effect, d.action, d.reference, d.path, d.state, d.attempts,
       d.created_us, d.next_us, d.settled_us, d.code, coalesce(r.document, ''), r.amount
FROM delivery d LEFT JOIN receipt r ON r.delivery_id = d.id WHERE d.id = ?

-- name: attempts
SELECT a.delivery_id, a.at_us, a.verdict, a.code FROM attempt a JOIN delivery d ON d.id = a.delivery_id
WHERE d.message_id = ? ORDER BY a.id

-- name: posted_by
SELECT id FROM effect WHERE message_id = ? AND action = 1 AND state IN (1, 2) AND (owns = 1 OR held_us IS NOT NULL)

-- name: holding
-- Effects that are held or wait; a message that is held without any, or of which records of a master are, has a row of
-- nulls.
SELECT m.id, l.channel, l.number, e.name, e.action, e.state, e.cause, e.part,
       coalesce((e.line_id, e.name, e.action) IN (SELECT line_id, name, action FROM effect
                                                  WHERE message_id IN carray(?1) AND state = 1), 0)
FROM message m LEFT JOIN effect e ON e.message_id = m.id AND e.state IN (2, 5) LEFT JOIN line l ON l.id = e.line_id
WHERE m.id IN carray(?1) AND (e.id IS NOT NULL OR m.state = 3
    OR EXISTS (SELECT 1 FROM line r WHERE r.message_id = m.id AND r.state = 3 AND r.owner <> '')) ORDER BY m.id, e.id

-- name: anything_waits
SELECT 1 FROM effect WHERE state IN (2, 5) AND reverses IS NOT NULL LIMIT 1

-- name: carried_by
SELECT e.message_id, l.channel, l.number, e.owns FROM effect e JOIN line l ON l.id = e.line_id WHERE e.delivery_id = ? ORDER BY e.id

-- name: waiting_for
-- Who takes back what these deliveries carry, and may go on now that it is known what became of their last try.
SELECT DISTINCT r.message_id FROM carray(?) k JOIN delivery d ON d.id = k.value AND d.state IN (2, 4, 5, 6)
JOIN effect e ON e.delivery_id = d.id
JOIN effect r ON r.reverses = e.id AND (r.state = 5 OR (r.state = 2 AND r.cause LIKE 'waits for %'))
ORDER BY 1

-- name: waiting_in_vain
SELECT DISTINCT r.message_id FROM effect r JOIN effect e ON e.id = r.reverses LEFT JOIN delivery d ON d.id = e.delivery_id
WHERE r.state IN (2, 5) AND r.reverses IS NOT NULL AND r.state = 5 AND (d.id IS NULL OR d.state IN (2, 4, 5, 6))
ORDER BY 1

-- name: waiting_for_cases
-- Lines that are held for want of what their case would tell.
WITH found AS MATERIALIZED (SELECT line_id FROM line_find WHERE key IN carray(?)),
     tellers AS MATERIALIZED (SELECT DISTINCT l.message_id FROM found JOIN line l ON l.id = found.line_id)
SELECT DISTINCT e.message_id FROM tellers
CROSS JOIN effect e ON e.message_id = tellers.message_id AND e.held_us IS NOT NULL AND e.cause LIKE 'case not known yet%'
WHERE e.line_id IN (SELECT line_id FROM found) ORDER BY 1

-- name: waiting_for_any_case
SELECT DISTINCT message_id FROM effect WHERE held_us IS NOT NULL AND cause LIKE 'case not known yet%' ORDER BY 1

-- name: payload
SELECT c.body FROM delivery d JOIN content c ON c.id = d.content_id WHERE d.id = ?
