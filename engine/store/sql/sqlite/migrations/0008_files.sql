-- Files that came in by a folder, and which message stood at which place of which.

CREATE TABLE file (
    id INTEGER PRIMARY KEY,
    feed TEXT NOT NULL,
    name TEXT NOT NULL,                  -- as it was dropped; never logged
    sha256 BLOB NOT NULL,
    label BLOB,                          -- digest of FHS-11 or BHS-11 and who gave it; NULL: it has none, or is held
    messages INTEGER NOT NULL,           -- that it holds
    cut BLOB NOT NULL,                   -- digest of the messages it was taken apart into
    held TEXT NOT NULL DEFAULT '',       -- why its messages wait for a person
    began_us INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0     -- engine/domain/filing.py: FileState
) STRICT;
CREATE UNIQUE INDEX file_known ON file (feed, sha256);
CREATE INDEX file_label ON file (feed, label) WHERE label IS NOT NULL;

CREATE TABLE filed (
    file_id INTEGER NOT NULL,
    place INTEGER NOT NULL,              -- of the message in the file, from 1
    message_id INTEGER NOT NULL,
    PRIMARY KEY (file_id, place)
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX filed_message ON filed (message_id);
