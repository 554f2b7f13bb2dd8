-- For a service that keeps the whole history: the newest play up to which it was read, NULL until the first pull, and
-- the times of stored plays that were deleted or edited at the service since, as a JSON list of ms since 1970.
ALTER TABLE accounts ADD COLUMN read_up_to_ms BIGINT;
ALTER TABLE accounts ADD COLUMN changed_plays TEXT;
UPDATE accounts SET read_up_to_ms = last_pulled_at_ms
WHERE service <> 'spotify';
