-- One message's story.

-- name: raw
SELECT c.body FROM message m JOIN content c ON c.id = m.content_id WHERE m.id = ?

-- name: record
SELECT c.body FROM message m JOIN content c ON c.id = m.record_id WHERE m.id = ?

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

-- name: attempts
SELECT a.delivery_id, a.at_us, a.verdict, a.code FROM attempt a JOIN delivery d ON d.id = a.delivery_id
WHERE d.message_id = ? ORDER BY a.id

-- name: payload
SELECT c.body FROM delivery d JOIN content c ON c.id = d.content_id WHERE d.id = ?
