-- Versions of the resources of FHIR that senders created and updated. What they say stands in their messages; here are
-- digests and numbers, so that a resource is found by its id, and by an identifier.

CREATE TABLE resource (
    key BLOB NOT NULL,                   -- digest of feed, type and id
    version INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (key, version)
) WITHOUT ROWID, STRICT;

CREATE TABLE resource_identifier (       -- those of the newest version
    identifier BLOB NOT NULL,            -- digest of feed, type, system and value
    key BLOB NOT NULL,
    PRIMARY KEY (identifier, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX resource_identifier_key ON resource_identifier (key);
