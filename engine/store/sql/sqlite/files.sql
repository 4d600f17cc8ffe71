-- Files that came in by a folder.

-- name: known_file
SELECT f.id, f.state, f.held, f.cut, f.began_us, (SELECT count(*) FROM filed d WHERE d.file_id = f.id)
FROM file f WHERE f.feed = ? AND f.sha256 = ?

-- name: labelled_file
SELECT id, began_us FROM file WHERE feed = ? AND label = ? LIMIT 1

-- name: insert_file
INSERT INTO file (feed, name, sha256, label, messages, cut, held, began_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_filed
INSERT INTO filed (file_id, place, message_id) VALUES (?, ?, ?)

-- name: move_file
UPDATE file SET state = ? WHERE id = ?

-- name: files
-- Why a file was held is told while a message of it waits for just that.
SELECT f.id, f.feed, f.name, f.messages, CASE WHEN sum(m.state = 3 AND m.reason = f.held) > 0 THEN f.held ELSE '' END,
       f.began_us, f.state, count(m.id), coalesce(sum(m.state = 5), 0), coalesce(sum(m.state = 3), 0)
FROM (SELECT * FROM file ORDER BY id DESC LIMIT ?) f
LEFT JOIN filed d ON d.file_id = f.id LEFT JOIN message m ON m.id = d.message_id
GROUP BY f.id ORDER BY f.id DESC

-- name: file_of
SELECT f.id, f.name, d.place, f.messages FROM filed d JOIN file f ON f.id = d.file_id WHERE d.message_id = ?

-- name: filed_in
SELECT message_id FROM filed WHERE file_id = ? ORDER BY place
