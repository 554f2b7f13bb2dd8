-- Spark SQL: the listens without those of forgotten people. A listen that was written again is in it again.
SELECT
    l.user_id,
    unix_millis(l.played_at) AS played_at_ms,
    l.track_id
FROM listens AS l
LEFT JOIN kept_out AS k ON l.user_id = k.user_id
WHERE k.user_id IS NULL OR l.batch >= k.before_batch;
