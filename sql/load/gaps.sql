-- A gap, once filled, stays filled.
INSERT INTO gaps (user_key, starts_at_ms, ends_at_ms, found_at_ms, filled_at_ms)
/* rows */
ON CONFLICT (user_key, starts_at_ms) DO UPDATE SET
    filled_at_ms = coalesce(gaps.filled_at_ms, excluded.filled_at_ms)
