-- A line may owe one effect several times, once for each row of a table: the components of a kit.

ALTER TABLE effect ADD COLUMN part TEXT NOT NULL DEFAULT '';   -- what tells the row apart; '': the line itself

DROP INDEX effect_key;
CREATE UNIQUE INDEX effect_key ON effect (key, destination, name, action, version, part) WHERE owns = 1;
