-- What feeds tell of uses that several of them tell of: by which they are compared, and how much. Nothing is posted from here.

CREATE TABLE sighting (
    key BLOB NOT NULL,                   -- of the line: told again, or saved anew, it takes the place of what was told
    destination TEXT NOT NULL,
    effect TEXT NOT NULL,
    part TEXT NOT NULL,
    channel TEXT NOT NULL,
    owned INTEGER NOT NULL,              -- 1: it counts, 0: it corroborates
    place TEXT NOT NULL,                 -- what feeds are compared by: codes, days; no patient data
    quantity TEXT,
    same BLOB,                           -- digest that two lines of one thing share
    message_id INTEGER NOT NULL,
    PRIMARY KEY (key, destination, effect, part)
) WITHOUT ROWID, STRICT;
CREATE INDEX sighting_same ON sighting (same) WHERE same IS NOT NULL;
CREATE INDEX sighting_message ON sighting (message_id);
