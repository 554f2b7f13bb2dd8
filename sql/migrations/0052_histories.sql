-- For a service that keeps the whole history, as it was at the last pull: the time of its oldest play and its number of
-- plays, NULL if the service does not report it. And since when a page is empty although older plays must exist.
ALTER TABLE accounts ADD COLUMN history_start_at_ms BIGINT;
ALTER TABLE accounts ADD COLUMN history_plays BIGINT;
ALTER TABLE accounts ADD COLUMN empty_since_ms BIGINT;
