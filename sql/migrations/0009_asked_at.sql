-- When each wish to be left alone was uttered, so that a long one is told from one that a clock noted that was ahead.
-- Of the older ones none was believed for over 7 days.
ALTER TABLE rate_limits ADD COLUMN asked_at_ms BIGINT NOT NULL DEFAULT 0;
UPDATE rate_limits SET asked_at_ms = not_before_ms - 604800000;
