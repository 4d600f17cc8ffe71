-- Versions of tables that wait for a second person. They stand apart: no step, and no read of versions, can meet one.

CREATE TABLE proposal (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,                  -- of the table
    base INTEGER NOT NULL,               -- version that was in force when it was made
    source TEXT NOT NULL,                -- worklist | import
    content_id INTEGER NOT NULL,         -- CSV, whole
    cause TEXT NOT NULL DEFAULT '',      -- of the worklist: what its approval releases
    proposed_us INTEGER NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'pending',   -- pending | approved | rejected
    decided_us INTEGER,
    decided_by TEXT NOT NULL DEFAULT '',
    decision TEXT NOT NULL DEFAULT ''    -- why
) STRICT;
CREATE INDEX proposal_pending ON proposal (name) WHERE state = 'pending';
