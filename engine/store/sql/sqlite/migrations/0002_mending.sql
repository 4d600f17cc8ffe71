-- What corrections, credits of what never left, and replays need.

ALTER TABLE message ADD COLUMN step_edition INTEGER;   -- of a replay: what it is stepped with; NULL: what is active then
ALTER TABLE message ADD COLUMN step_to TEXT;           -- of a replay: the only destination it is for; NULL: all

CREATE INDEX act_target ON act (verb, target);         -- was it approved

ALTER TABLE delivery ADD COLUMN after_id INTEGER;      -- the delivery that must be there before this one may leave
CREATE INDEX delivery_after ON delivery (after_id) WHERE after_id IS NOT NULL;

CREATE INDEX effect_refused ON effect (key) WHERE owns = 0 AND held_us IS NOT NULL;
CREATE INDEX effect_waits ON effect (reverses, message_id) WHERE state IN (2, 5) AND reverses IS NOT NULL;

ALTER TABLE delivery ADD COLUMN joins TEXT;            -- JSON: lanes of a merged account's other numbers, which drain first
