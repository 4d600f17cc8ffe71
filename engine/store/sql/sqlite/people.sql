-- What people do: drops, table versions, releases and editions, acts.

-- name: effects_to_drop
SELECT e.id, e.message_id, e.state, e.delivery_id, d.state FROM effect e LEFT JOIN delivery d ON d.id = e.delivery_id
WHERE e.id IN carray(?)

-- name: effects_of_delivery
SELECT id FROM effect WHERE delivery_id = ?

-- name: held_credits
-- What a newer telling takes back is not moot with its original: something older may stand, and its release compares.
SELECT e.id, e.message_id FROM effect e JOIN line l ON l.id = e.line_id
WHERE e.reverses IN carray(?) AND e.state IN (2, 5) AND l.credit = 1

-- name: untold_lines
SELECT id FROM line WHERE message_id = ?1 AND state = 3
    AND id NOT IN (SELECT line_id FROM effect WHERE message_id = ?1)

-- name: held_alone
SELECT 1 FROM message WHERE id = ?1 AND state = 3 AND NOT EXISTS (SELECT 1 FROM line WHERE line.message_id = ?1)

-- name: latest_table
SELECT version, hash FROM table_version WHERE name = ? ORDER BY version DESC LIMIT 1

-- name: insert_table
INSERT INTO table_version (name, version, hash, source, content_id, recorded_us, actor, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: find_release
SELECT id FROM release WHERE hash = ?

-- name: insert_release
INSERT INTO release (hash, content_id, created_us) VALUES (?, ?, ?) RETURNING id

-- name: insert_edition
INSERT INTO edition (release_id, tables, activated_us, actor) VALUES (?, ?, ?, ?) RETURNING id

-- name: newest_edition
SELECT id, release_id, tables FROM edition WHERE id = (SELECT max(id) FROM edition)

-- name: insert_act
INSERT INTO act (at_us, actor, verb, target, reason, detail) VALUES (?, ?, ?, ?, ?, ?) RETURNING id

-- name: editions
SELECT e.id, r.hash, e.tables, e.activated_us, e.actor FROM edition e JOIN release r ON r.id = e.release_id
ORDER BY e.id DESC LIMIT ?

-- name: edition
SELECT e.id, r.hash, e.tables, e.activated_us, e.actor FROM edition e JOIN release r ON r.id = e.release_id WHERE e.id = ?

-- name: release_files
SELECT c.body FROM release r JOIN content c ON c.id = r.content_id WHERE r.hash = ?

-- name: table_versions
SELECT id, name, version, hash, source, recorded_us, actor, reason FROM table_version
WHERE ?1 IS NULL OR name = ?1 ORDER BY id DESC

-- name: insert_table_teller
INSERT INTO table_teller (message_id, name, version) VALUES (?, ?, ?)

-- name: tables_of_message
-- Versions and proposals that a master made, alone or with others.
SELECT name, version, 0, reason, recorded_us FROM table_version WHERE source = 'master' AND actor = 'message ' || ?1
UNION ALL
SELECT name, version, 0, reason, recorded_us FROM table_teller t JOIN table_version USING (name, version)
WHERE t.message_id = ?1
UNION ALL
SELECT name, id, 1, reason, proposed_us FROM proposal WHERE source = 'master' AND actor = 'message ' || ?1
ORDER BY 1, 2

-- name: table_csv
SELECT c.body FROM table_version t JOIN content c ON c.id = t.content_id WHERE t.name = ? AND t.version = ?

-- name: edition_at
SELECT e.id, r.hash, e.tables, e.activated_us, e.actor FROM edition e JOIN release r ON r.id = e.release_id
WHERE e.activated_us <= ? ORDER BY e.id DESC LIMIT 1

-- name: insert_proposal
INSERT INTO proposal (name, base, source, content_id, cause, proposed_us, actor, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id

-- name: decide_proposal
UPDATE proposal SET state = ?, decided_us = ?, decided_by = ?, decision = ? WHERE id = ? AND state = 'pending'

-- name: proposals
SELECT id, name, base, source, cause, proposed_us, actor, reason, state, decided_us, decided_by, decision
FROM proposal WHERE state = 'pending' AND (?1 IS NULL OR name = ?1) ORDER BY id

-- name: proposal
SELECT id, name, base, source, cause, proposed_us, actor, reason, state, decided_us, decided_by, decision
FROM proposal WHERE id = ?

-- name: proposal_csv
SELECT c.body FROM proposal p JOIN content c ON c.id = p.content_id WHERE p.id = ?

-- name: act
SELECT id, at_us, actor, verb, target, reason, detail FROM act WHERE id = ?

-- name: acts_on
SELECT id, at_us, actor, verb, target, reason, detail FROM act WHERE verb = ? AND target = ? ORDER BY id DESC

-- name: acts_without
SELECT b.id, b.at_us, b.actor, b.verb, b.target, b.reason, b.detail FROM act b
WHERE b.verb = ?1 AND NOT EXISTS (
    SELECT 1 FROM act e WHERE e.verb = ?2 AND e.target = b.target AND json_extract(e.detail, '$.ends') = b.id)
ORDER BY b.id

-- name: acts
SELECT id, at_us, actor, verb, target, reason, detail FROM act ORDER BY id DESC LIMIT ?
