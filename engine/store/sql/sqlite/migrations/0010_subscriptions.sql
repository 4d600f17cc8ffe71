-- What subscriptions told of, and what they told of that never came; and resources that were deleted.

ALTER TABLE resource ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;

CREATE TABLE subscription (
    feed TEXT NOT NULL,
    name TEXT NOT NULL,                  -- as its sender calls it
    last INTEGER NOT NULL,               -- number of the last event that was heard of
    heard_us INTEGER NOT NULL,
    PRIMARY KEY (feed, name)
) WITHOUT ROWID, STRICT;

CREATE TABLE missed_events (             -- numbers between two that came
    feed TEXT NOT NULL,
    name TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    since_us INTEGER NOT NULL,
    message_id INTEGER NOT NULL,         -- the notification that told of a later one
    PRIMARY KEY (feed, name, first)
) WITHOUT ROWID, STRICT;
