-- A name as it is compared: no command reads everybody to find a person by name. NULL until the next run computes it.
ALTER TABLE users ADD COLUMN name_key TEXT;
CREATE INDEX users_name_key ON users (name_key);

-- Refused permissions and those that end soon, and the people who have stopped listening, are found by index.
CREATE INDEX accounts_refused ON accounts (permission_retry_at_ms) WHERE state = 'needs_reauthorisation';
CREATE INDEX accounts_consented ON accounts (service, authorised_at_ms) WHERE state = 'active';
CREATE INDEX listen_totals_last ON listen_totals (last_played_at_ms);
