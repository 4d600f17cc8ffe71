-- Records of masters are lines that no effect tells of: they name their owner themselves while they are held.

ALTER TABLE line ADD COLUMN owner TEXT NOT NULL DEFAULT '';   -- of a record of a master: whose worklist; else ''

CREATE INDEX table_version_master ON table_version (actor) WHERE source = 'master';
CREATE INDEX proposal_master ON proposal (actor) WHERE source = 'master';

DROP VIEW held;
CREATE VIEW held AS                      -- all that waits for a person: effects, else the line, else the message
SELECT owner, cause, message_id, line_id, id AS effect_id, amount, held_us, state = 1 AS refused
FROM effect WHERE held_us IS NOT NULL
UNION ALL
SELECT CASE line.owner WHEN '' THEN 'interface' ELSE line.owner END, line.reason, line.message_id, line.id, NULL, NULL,
       coalesce(message.stepped_us, message.received_us), 0
FROM line JOIN message ON message.id = line.message_id
WHERE line.state = 3
    AND NOT EXISTS (SELECT 1 FROM effect WHERE effect.message_id = line.message_id AND effect.line_id = line.id)
UNION ALL
SELECT 'interface', reason, id, NULL, NULL, NULL, coalesce(stepped_us, received_us), 0
FROM message
WHERE state = 3 AND NOT EXISTS (SELECT 1 FROM line WHERE line.message_id = message.id);
