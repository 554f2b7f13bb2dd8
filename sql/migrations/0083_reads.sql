-- Whom a run began to forget is found without reading everybody.
CREATE TABLE _people_to_forget (
    user_key INTEGER PRIMARY KEY REFERENCES users (user_key) ON DELETE CASCADE
);
INSERT INTO _people_to_forget (user_key) SELECT user_key FROM _accounts WHERE state_reason = 'is being forgotten';
INSERT INTO _done_until (step, until_ms)
SELECT
    'find people to forget' AS step,
    0 AS until_ms
WHERE EXISTS (SELECT 1 FROM forgotten);
CREATE INDEX forgotten_hash_key ON forgotten (hash_key);
CREATE INDEX forgotten_at ON forgotten (forgotten_at_ms);

-- The services in use and the accounts with a problem are found by index.
CREATE INDEX accounts_authorised ON _accounts (service, authorised_at_ms) WHERE authorised_at_ms IS NOT NULL;
CREATE INDEX accounts_failed ON _accounts (user_key) WHERE state = 'active' AND last_problem IS NOT NULL;
CREATE INDEX accounts_changed ON _accounts (user_key) WHERE state = 'active' AND changed_plays IS NOT NULL;
