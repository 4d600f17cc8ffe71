-- Messages that were put into a table together, and made one version of it.

CREATE TABLE table_teller (
    message_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (message_id, name, version)
) WITHOUT ROWID, STRICT;
