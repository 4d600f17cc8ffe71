-- Finding messages. `engine/store/search.py` puts the conditions of a query after `messages`; each begins with a
-- column, so that a unary plus before it keeps its index out of the plan.

-- name: messages
SELECT m.id, m.feed, m.received_us, m.type, m.control_id, m.state, m.reason, m.answered, m.charset, m.edition_id,
       m.stepped_us, m.relates_to, m.actor, length(c.body)
FROM message m JOIN content c ON c.id = m.content_id

-- name: with_document
m.id IN (SELECT d.message_id FROM receipt r JOIN delivery d ON d.id = r.delivery_id
         WHERE r.document = :document AND r.document <> ''
         UNION SELECT message_id FROM delivery WHERE reference = :document)

-- name: since
m.id >= (SELECT min(id) FROM message WHERE received_us >= :since_us) AND +m.received_us >= :since_us

-- name: until
m.id <= (SELECT max(id) FROM message WHERE received_us < :until_us) AND +m.received_us < :until_us

-- name: with_held
m.id IN (SELECT message_id FROM held
         WHERE (:owner IS NULL OR owner = :owner) AND (:cause IS NULL OR cause = :cause))
