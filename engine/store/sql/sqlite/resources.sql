-- Versions of resources, and the identifiers by which they are found.

-- name: insert_resource
INSERT INTO resource (key, version, message_id, at_us, deleted) VALUES (?, ?, ?, ?, ?)

-- name: insert_resource_identifier
INSERT OR IGNORE INTO resource_identifier (identifier, key) VALUES (?, ?)

-- name: forget_identifiers
DELETE FROM resource_identifier WHERE key = ?

-- name: has_identifier
SELECT 1 FROM resource_identifier WHERE identifier = ? LIMIT 1

-- name: resource
SELECT key, version, message_id, at_us, deleted FROM resource WHERE key = ? ORDER BY version DESC LIMIT 1

-- name: resource_version
SELECT key, version, message_id, at_us, deleted FROM resource WHERE key = ? AND version = ?

-- name: resources_with
SELECT r.key, r.version, r.message_id, r.at_us, r.deleted FROM resource_identifier i
JOIN resource r ON r.key = i.key AND r.version = (SELECT max(version) FROM resource WHERE key = i.key)
WHERE i.identifier = ? ORDER BY r.message_id LIMIT 2

-- name: subscription
SELECT last FROM subscription WHERE feed = ? AND name = ?

-- name: hear_subscription
INSERT INTO subscription (feed, name, last, heard_us) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET last = excluded.last, heard_us = max(heard_us, excluded.heard_us)

-- name: insert_missed
INSERT OR REPLACE INTO missed_events (feed, name, first, last, since_us, message_id) VALUES (?, ?, ?, ?, ?, ?)

-- name: missed_with
SELECT first, last, since_us, message_id FROM missed_events
WHERE feed = ?1 AND name = ?2 AND first <= ?3 AND last >= ?3

-- name: forget_missed
DELETE FROM missed_events WHERE feed = ? AND name = ? AND first = ?

-- name: forget_all_missed
DELETE FROM missed_events WHERE feed = ? AND name = ?

-- name: missed_events
SELECT feed, name, first, last, since_us, message_id FROM missed_events WHERE since_us >= ? ORDER BY since_us, first
