-- The periods in which listens of the person may be missing.
SELECT
    u.user_id,
    g.starts_at_ms,
    g.ends_at_ms,
    g.found_at_ms,
    g.filled_at_ms
FROM gaps AS g
INNER JOIN users AS u ON u.user_key = g.user_key
WHERE u.user_id = :id
ORDER BY g.starts_at_ms;
