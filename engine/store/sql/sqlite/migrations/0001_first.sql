-- The first schema. Hot rows are narrow and hold no patient data in clear; bodies stand apart in `content`.
-- Times are integer microseconds UTC. States are the numbers of engine/domain/status.py. Ids are given by the
-- one writer, so that a batch needs no round trips. Keys and hashes are 16-byte BLAKE2b digests.

CREATE TABLE meta (                      -- schema, site, environment, hash_key, created_us
    name TEXT PRIMARY KEY, value ANY NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE content (                   -- raw messages, payloads, replies, step records, site files, table rows
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,               -- engine/store/rows.py: ContentKind
    key_id INTEGER NOT NULL DEFAULT 0,   -- which key encrypts it; 0 none
    body BLOB NOT NULL
) STRICT;

-- What the site was ------------------------------------------------------------------------------------------
CREATE TABLE release (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,           -- of the site's files, environment apart
    content_id INTEGER NOT NULL,         -- the files
    created_us INTEGER NOT NULL
) STRICT;

CREATE TABLE table_version (             -- append-only: files at activation, worklist, masters add versions
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    hash TEXT NOT NULL,
    source TEXT NOT NULL,                -- file | worklist | import | master
    content_id INTEGER NOT NULL,         -- CSV
    recorded_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (name, version)
) STRICT;

CREATE TABLE edition (                   -- one release with one version of each table: what a step runs with
    id INTEGER PRIMARY KEY,
    release_id INTEGER NOT NULL REFERENCES release (id),
    tables TEXT NOT NULL,                -- {"items": 3, ...}: table -> version
    activated_us INTEGER NOT NULL,
    actor TEXT NOT NULL
) STRICT;

CREATE TABLE act (                       -- what people did
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    target TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '{}'    -- counts and ids, no content
) STRICT;

-- Inbox ------------------------------------------------------------------------------------------------------
CREATE TABLE message (
    id INTEGER PRIMARY KEY,              -- inbox commit order
    feed TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    type TEXT NOT NULL,                  -- DFT^P03
    control_id TEXT NOT NULL,
    state INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',     -- fault code or word, no content
    answered TEXT NOT NULL,              -- AA AE AR CA CE CR or ''
    charset TEXT,                        -- HTTP's, when it wins over MSH-18
    content_id INTEGER NOT NULL,
    record_id INTEGER,                   -- content: facts and translated lines of the step
    edition_id INTEGER,                  -- what it was stepped with
    stepped_us INTEGER,
    relates_to INTEGER,                  -- duplicate of | replay of | superseded by
    actor TEXT NOT NULL DEFAULT '',      -- who replayed it
    account BLOB,                        -- keyed hashes, for search
    patient BLOB
) STRICT;
CREATE INDEX message_pending ON message (id) WHERE state = 0;
CREATE INDEX message_state ON message (state) WHERE state > 0;
CREATE INDEX message_feed ON message (feed);
CREATE INDEX message_type ON message (type);
CREATE INDEX message_received ON message (received_us);
CREATE INDEX message_control ON message (control_id);
CREATE INDEX message_account ON message (account) WHERE account IS NOT NULL;
CREATE INDEX message_patient ON message (patient) WHERE patient IS NOT NULL;

CREATE TABLE control_key (               -- MSH-10 duplicates: sender and control id, then body without MSH-7
    key BLOB NOT NULL,
    body BLOB NOT NULL,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (key, body)
) WITHOUT ROWID, STRICT;

-- Facts ------------------------------------------------------------------------------------------------------
CREATE TABLE fact (                      -- what the step may know about the world, by keyed hash
    kind TEXT NOT NULL,                  -- encounter | alias
    key BLOB NOT NULL,
    at_us INTEGER NOT NULL,              -- when it became so (event time)
    message_id INTEGER NOT NULL,
    key_id INTEGER NOT NULL DEFAULT 0,
    value BLOB NOT NULL,                 -- JSON
    PRIMARY KEY (kind, key, at_us, message_id)
) WITHOUT ROWID, STRICT;

-- Lines and effects ------------------------------------------------------------------------------------------
CREATE TABLE line (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL,
    channel TEXT NOT NULL,
    number INTEGER NOT NULL,             -- occurrence in the message, from 1
    key BLOB NOT NULL,                   -- business key
    strong INTEGER NOT NULL,
    body BLOB NOT NULL,                  -- hash of what was sent for it
    credit INTEGER NOT NULL,
    state INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    stated TEXT,                         -- money the message states, signed; NULL unpriced
    currency TEXT NOT NULL
) STRICT;
CREATE INDEX line_message ON line (message_id);
CREATE INDEX line_held ON line (message_id) WHERE state = 3;

CREATE TABLE line_find (                 -- how a credit without an id finds its original (credit_finds)
    key BLOB NOT NULL,
    line_id INTEGER NOT NULL,
    PRIMARY KEY (key, line_id)
) WITHOUT ROWID, STRICT;

CREATE TABLE effect (                    -- line x destination x effect: what rules 1 and 24 count
    id INTEGER PRIMARY KEY,
    line_id INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    destination TEXT NOT NULL,
    name TEXT NOT NULL,                  -- issue | charge | cost | bill-only ...
    action INTEGER NOT NULL,             -- 1 post, 2 reverse
    key BLOB NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,  -- 1 + accepted corrections of the key
    owns INTEGER NOT NULL,               -- 1 while it holds its key; freed by a final rejection or a cancel
    state INTEGER NOT NULL,
    delivery_id INTEGER,
    reverses INTEGER,                    -- effect that this one takes back
    quantity TEXT,
    measure INTEGER NOT NULL,            -- 0 quantity only, 1 stated, 2 priced here, 3 far end
    amount TEXT,                         -- signed; NULL: unpriced, or told by the receipt
    currency TEXT NOT NULL,
    owner TEXT NOT NULL DEFAULT '',      -- whose worklist, while held
    cause TEXT NOT NULL DEFAULT '',      -- what it waits for, or why cancelled: codes, no patient data
    held_us INTEGER                      -- since when it waits for a person: held itself, or its delivery is
) STRICT;
CREATE UNIQUE INDEX effect_key ON effect (key, destination, name, action, version) WHERE owns = 1;
CREATE INDEX effect_message ON effect (message_id);
CREATE INDEX effect_held ON effect (owner, cause, message_id) WHERE held_us IS NOT NULL;
CREATE INDEX effect_delivery ON effect (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX effect_reverses ON effect (reverses) WHERE reverses IS NOT NULL;

CREATE VIEW held AS                      -- all that waits for a person: effects, else the line, else the message
SELECT owner, cause, message_id, line_id, id AS effect_id, amount, held_us, state = 1 AS refused
FROM effect WHERE held_us IS NOT NULL
UNION ALL
SELECT 'interface', line.reason, line.message_id, line.id, NULL, NULL,
       coalesce(message.stepped_us, message.received_us), 0
FROM line JOIN message ON message.id = line.message_id
WHERE line.state = 3
    AND NOT EXISTS (SELECT 1 FROM effect WHERE effect.message_id = line.message_id AND effect.line_id = line.id)
UNION ALL
SELECT 'interface', reason, id, NULL, NULL, NULL, coalesce(stepped_us, received_us), 0
FROM message
WHERE state = 3 AND NOT EXISTS (SELECT 1 FROM line WHERE line.message_id = message.id);

-- Outbox -----------------------------------------------------------------------------------------------------
CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,              -- order within a lane
    message_id INTEGER NOT NULL,
    channel TEXT NOT NULL,
    destination TEXT NOT NULL,
    effect TEXT NOT NULL,
    action INTEGER NOT NULL,
    lane INTEGER NOT NULL,               -- 63-bit hash of destination and account with its authority
    partition INTEGER GENERATED ALWAYS AS (lane % 64) VIRTUAL,   -- what a node leases
    priority INTEGER NOT NULL DEFAULT 0, -- 0 live, 1 late: which of two lanes goes first
    reference TEXT NOT NULL,             -- derived from the keys and versions of its lines
    path TEXT NOT NULL,                  -- where at the destination
    content_id INTEGER NOT NULL,         -- payload; written once
    edition_id INTEGER NOT NULL,
    record_id INTEGER,                   -- content: record of the step that made it
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_us INTEGER NOT NULL,
    sent_us INTEGER,                     -- when the last try was about to leave
    next_us INTEGER,                     -- when to try or ask again
    settled_us INTEGER,
    code TEXT NOT NULL DEFAULT ''        -- of the last outcome
) STRICT;
CREATE INDEX delivery_ready ON delivery (destination, priority, id) WHERE state = 0;
CREATE INDEX delivery_open ON delivery (destination, lane, id) WHERE state < 4;
CREATE INDEX delivery_parked ON delivery (destination, id) WHERE state IN (1, 2, 3);
CREATE INDEX delivery_held ON delivery (destination) WHERE state = 5;
CREATE INDEX delivery_message ON delivery (message_id);
CREATE INDEX delivery_reference ON delivery (reference);

CREATE TABLE attempt (                   -- a try or a probe that did not end in a receipt
    id INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    code TEXT NOT NULL,
    reply_id INTEGER                     -- content, for a person to read
) STRICT;
CREATE INDEX attempt_delivery ON attempt (delivery_id);

CREATE TABLE receipt (                   -- what the far end answered when it was applied; kept with the keys
    delivery_id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    code TEXT NOT NULL,
    document TEXT NOT NULL,
    amount TEXT,
    actor TEXT NOT NULL DEFAULT ''       -- a person, when a person settled it
) STRICT;
CREATE INDEX receipt_document ON receipt (document) WHERE document <> '';

CREATE TABLE destination (               -- stopped destinations, so that a restart does not forget
    name TEXT PRIMARY KEY,
    stopped INTEGER NOT NULL,
    code TEXT NOT NULL DEFAULT '',
    at_us INTEGER NOT NULL,
    actor TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID, STRICT;
