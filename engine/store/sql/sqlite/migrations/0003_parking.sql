-- What a held effect keeps behind it where a destination says `on_hold: park`.

ALTER TABLE effect ADD COLUMN lane INTEGER;            -- that its document would have; NULL: it is not held
CREATE INDEX effect_parks ON effect (destination, lane) WHERE state = 2 AND lane IS NOT NULL;
