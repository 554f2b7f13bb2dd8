-- A gap, once filled, stays filled. One found again from the same listen on, because a run was killed before it could
-- store what it had seen, reaches as far as the further of the two.
INSERT INTO gaps (user_key, starts_at_ms, ends_at_ms, found_at_ms, filled_at_ms)
/* rows */
ON CONFLICT (user_key, starts_at_ms) DO UPDATE SET
    ends_at_ms = CASE WHEN excluded.ends_at_ms > gaps.ends_at_ms THEN excluded.ends_at_ms ELSE gaps.ends_at_ms END,
    filled_at_ms = coalesce(gaps.filled_at_ms, excluded.filled_at_ms)
