-- The service that an account is pulled from, and for a service that keeps the whole history: the time down to which an
-- open gap has been read, so that a run that was killed continues there.
ALTER TABLE accounts ADD COLUMN service TEXT NOT NULL DEFAULT 'spotify'
CHECK (service IN ('spotify', 'listenbrainz', 'lastfm'));
ALTER TABLE accounts ADD COLUMN read_down_to_ms BIGINT;
