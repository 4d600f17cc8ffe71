-- Versions of resources, and the identifiers by which they are found.

-- name: insert_resource
INSERT INTO resource (key, version, message_id, at_us) VALUES (?, ?, ?, ?)

-- name: insert_resource_identifier
INSERT OR IGNORE INTO resource_identifier (identifier, key) VALUES (?, ?)

-- name: forget_identifiers
DELETE FROM resource_identifier WHERE key = ?

-- name: has_identifier
SELECT 1 FROM resource_identifier WHERE identifier = ? LIMIT 1

-- name: resource
SELECT key, version, message_id, at_us FROM resource WHERE key = ? ORDER BY version DESC LIMIT 1

-- name: resource_version
SELECT key, version, message_id, at_us FROM resource WHERE key = ? AND version = ?

-- name: resources_with
SELECT r.key, r.version, r.message_id, r.at_us FROM resource_identifier i
JOIN resource r ON r.key = i.key AND r.version = (SELECT max(version) FROM resource WHERE key = i.key)
WHERE i.identifier = ? ORDER BY r.message_id LIMIT 2
