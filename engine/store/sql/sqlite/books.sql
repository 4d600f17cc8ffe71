-- Counts and money. Amounts are decimals as text, so equal amounts are counted here and multiplied exactly outside.

-- name: message_counts
SELECT feed, state, count(*) FROM message GROUP BY feed, state

-- name: line_counts
SELECT state, reason, stated, count(*) FROM line GROUP BY state, reason, stated

-- name: account
SELECT e.destination, e.name, e.action, e.measure,
       CASE WHEN e.state = 2 THEN 'held' WHEN e.state = 3 THEN 'cancelled' WHEN e.state = 5 THEN 'waiting' WHEN d.state <= 2 THEN 'waiting'
            WHEN d.state = 3 THEN 'unknown' WHEN d.state = 4 THEN 'delivered' WHEN d.state = 5 THEN 'held'
            ELSE 'cancelled' END AS place,
       e.amount, count(*)
FROM effect e LEFT JOIN delivery d ON d.id = e.delivery_id
WHERE e.state <> 4
GROUP BY 1, 2, 3, 4, 5, 6

-- name: far_end_money
-- Money that the far end told, once per document; `effects` of documents for which it told none.
SELECT d.destination, d.effect, d.action, r.amount, count(*),
       sum(CASE WHEN r.amount IS NULL THEN (SELECT count(*) FROM effect e WHERE e.delivery_id = d.id) END) AS effects
FROM receipt r JOIN delivery d ON d.id = r.delivery_id
WHERE d.state = 4 AND (SELECT measure FROM effect e WHERE e.delivery_id = d.id LIMIT 1) = 3  -- one rule made them all
GROUP BY 1, 2, 3, 4

-- name: other_amounts
-- Documents with money of the message, or priced here (measures 1 and 2), whose receipts tell an amount of their own.
SELECT d.destination, d.effect, d.reference, r.document, d.message_id, r.amount, group_concat(e.amount, ' ')
FROM receipt r JOIN delivery d ON d.id = r.delivery_id JOIN effect e ON e.delivery_id = d.id
WHERE r.amount IS NOT NULL AND d.state = 4 AND e.measure IN (1, 2)
GROUP BY d.id
HAVING count(e.amount) = count(*) AND (count(*) > 1 OR r.amount <> min(e.amount))
ORDER BY d.id

-- name: documents
SELECT d.id, d.message_id, d.channel, d.destination, d.effect, d.action, d.reference, d.path, d.state, d.attempts,
       d.created_us, d.next_us, d.settled_us, d.code, r.document, r.amount
FROM delivery d JOIN receipt r ON r.delivery_id = d.id
WHERE d.destination = ? AND d.state = 4 AND d.id > ? ORDER BY d.id LIMIT ?

-- name: worklist
SELECT owner, cause, count(effect_id), count(DISTINCT line_id), count(DISTINCT message_id), min(held_us), max(held_us)
FROM held WHERE ?1 IS NULL OR owner = ?1
GROUP BY owner, cause

-- name: worklist_stakes
-- What each line has at stake, once: what it states, else the largest of its held amounts (REAL only to compare).
SELECT owner, cause, stake, count(*) FROM (
    SELECT h.owner, h.cause, coalesce(l.stated, h.amount) AS stake, max(coalesce(abs(CAST(h.amount AS REAL)), 0))
    FROM held h JOIN line l ON l.id = h.line_id
    WHERE ?1 IS NULL OR h.owner = ?1
    GROUP BY h.owner, h.cause, h.line_id)
GROUP BY owner, cause, stake

-- name: worklist_applied
-- Lines that wait for a person at one destination, while another has applied its side.
SELECT h.owner, h.cause, count(DISTINCT h.line_id) FROM held h
JOIN effect e ON e.message_id = h.message_id AND e.line_id = h.line_id AND e.id <> h.effect_id AND e.state = 1
JOIN delivery d ON d.id = e.delivery_id AND d.state = 4
WHERE h.refused AND (?1 IS NULL OR h.owner = ?1)
GROUP BY h.owner, h.cause

-- name: worklist_samples
SELECT DISTINCT message_id FROM held WHERE owner = ? AND cause = ? ORDER BY message_id LIMIT 3

-- name: late_effects
-- Expected of messages that came in before a moment, and not there: where, how many, held how many, the oldest.
SELECT e.destination, count(*), sum(e.held_us IS NOT NULL), min(m.received_us), min(m.id)
FROM (SELECT id FROM effect WHERE held_us IS NOT NULL
      UNION SELECT e.id FROM delivery d JOIN effect e ON e.delivery_id = d.id WHERE d.state < 4
      UNION SELECT id FROM effect WHERE state = 5 AND reverses IS NOT NULL) open
JOIN effect e ON e.id = open.id JOIN line l ON l.id = e.line_id JOIN message m ON m.id = e.message_id
WHERE l.channel = ?1 AND e.name = ?2 AND m.received_us < ?3
GROUP BY e.destination ORDER BY e.destination

-- name: accounts_of_type
SELECT account, max(id) FROM message
WHERE type = ?1 AND received_us >= ?2 AND account IS NOT NULL GROUP BY account ORDER BY max(id)

-- name: has_line
SELECT 1 FROM message m JOIN line l ON l.message_id = m.id
WHERE m.account IN carray(?1) AND l.channel = ?2 LIMIT 1

-- name: cases_told
-- Cases of which one of these events was told, as of then or later.
SELECT DISTINCT key FROM fact
WHERE kind = 'case' AND at_us >= ?1 AND json_extract(CAST(value AS TEXT), '$.event') IN carray(?2)

-- name: effects_of_cases
SELECT f.key, l.id, l.channel, l.message_id, e.id FROM line_find f JOIN line l ON l.id = f.line_id
JOIN effect e ON e.message_id = l.message_id AND e.line_id = l.id AND e.action = 1 AND e.state IN (1, 2, 5)
WHERE f.key IN carray(?) ORDER BY e.id

-- name: held_extent
SELECT count(DISTINCT message_id), coalesce(max(message_id), 0) FROM held
WHERE NOT refused AND (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR cause = ?2)

-- name: held_messages
SELECT DISTINCT message_id FROM held
WHERE NOT refused AND (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR cause = ?2) AND message_id > ?3
ORDER BY message_id LIMIT ?4

-- name: sightings
SELECT s.destination, s.effect, s.place, s.channel, s.owned, s.quantity, s.same, s.message_id
FROM message m JOIN sighting s ON s.message_id = m.id WHERE m.received_us >= ? ORDER BY s.place, s.message_id

-- name: newest_standing
-- The newest message of which something stands that was posted under these names since then.
SELECT d.message_id FROM delivery d CROSS JOIN effect e ON e.delivery_id = d.id AND e.owns = 1 AND e.state = 1
WHERE d.message_id >= (SELECT min(id) FROM message WHERE received_us >= ?4)
    AND d.channel = ?1 AND d.effect = ?2 AND d.destination = ?3 AND d.action = 1
    AND NOT EXISTS (SELECT 1 FROM effect r WHERE r.reverses = e.id AND r.owns = 1 AND r.state IN (1, 5))
ORDER BY d.message_id DESC LIMIT 1
