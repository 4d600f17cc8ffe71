-- What the store is, and the ids it has given.

-- name: known
SELECT 1 FROM sqlite_master WHERE name = 'meta'

-- name: tables
SELECT count(*) FROM sqlite_master

-- name: meta
SELECT value FROM meta WHERE name = ?

-- name: put_meta
INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: highest_ids
SELECT (SELECT coalesce(max(id), 0) FROM message) AS message,
       (SELECT coalesce(max(id), 0) FROM content) AS content,
       (SELECT coalesce(max(id), 0) FROM line) AS line,
       (SELECT coalesce(max(id), 0) FROM effect) AS effect,
       (SELECT coalesce(max(id), 0) FROM delivery) AS delivery,
       (SELECT coalesce(max(id), 0) FROM attempt) AS attempt

-- name: kept
SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM delivery WHERE state < 4),
       (SELECT received_us FROM message ORDER BY id DESC LIMIT 1)

-- name: doubt_under_way
UPDATE delivery SET state = 3, next_us = ? WHERE state IN (1, 2)

-- name: drop_meta
DELETE FROM meta WHERE name = ?
