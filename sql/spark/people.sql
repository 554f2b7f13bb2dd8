-- Spark SQL: the time zone of each person, from their latest row.
SELECT
    u.user_id,
    max_by(u.timezone, struct(u.recorded_at, u.batch)) AS timezone
FROM users AS u
GROUP BY u.user_id;
