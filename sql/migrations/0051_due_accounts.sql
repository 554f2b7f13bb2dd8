-- When an account is due, and how fast its person listened in the two weeks before its last pull: written by each pull,
-- so that no run reads the listens of everybody to find who is due. An account that was never pulled is due.
ALTER TABLE accounts ADD COLUMN due_at_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN recent_plays INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN half_window_ms BIGINT;
CREATE INDEX accounts_due ON accounts (due_at_ms) WHERE state = 'active';
CREATE INDEX accounts_pulled ON accounts (last_pulled_at_ms) WHERE state = 'active';
CREATE INDEX accounts_claimed ON accounts (claimed_by) WHERE claimed_by IS NOT NULL;
