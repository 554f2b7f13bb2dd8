-- A permission that Spotify refused is tried again a few times: how often it was, and when it is next. NULL: no more.
ALTER TABLE accounts ADD COLUMN permission_tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN permission_retry_at_ms BIGINT;
