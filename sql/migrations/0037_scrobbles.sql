-- Where a play by name comes from; NULL for the account data of earlier versions. Scrobbles are dated by their start.
ALTER TABLE named_plays ADD COLUMN source_key INTEGER REFERENCES sources (source_key);
