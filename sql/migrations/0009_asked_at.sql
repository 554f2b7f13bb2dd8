-- When each Retry-After was received, so that a long one is distinguished from one that a wrong clock dated.
-- Older ones never applied for more than 7 days.
ALTER TABLE rate_limits ADD COLUMN asked_at_ms BIGINT NOT NULL DEFAULT 0;
UPDATE rate_limits SET asked_at_ms = not_before_ms - 604800000;
