-- A message as it is stepped.

CREATE VIEW inbound AS
SELECT m.id, m.feed, m.received_us, c.body, m.charset,
       -- A repeat refers to the first and a superseded message to its replay: neither says what it replays.
       CASE WHEN m.state = 6 OR (m.state = 4 AND m.stepped_us IS NULL) THEN NULL ELSE m.relates_to END AS replays,
       m.step_edition, m.step_to,
       f.id AS first, f.received_us AS first_us,  -- of a replay: the first of those that it tells again
       m.type, m.state, m.record_id
FROM message m JOIN content c ON c.id = m.content_id
LEFT JOIN message f ON f.id = (
    WITH RECURSIVE told(id) AS (
        SELECT m.id WHERE m.relates_to IS NOT NULL
        UNION SELECT o.relates_to FROM message o JOIN told ON o.id = told.id WHERE o.relates_to IS NOT NULL
    ) SELECT min(id) FROM told);
