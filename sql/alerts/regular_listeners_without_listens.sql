-- The active accounts whose last day with listens is between two days, and that listened on many days before.
SELECT
    u.user_id,
    max(d.day) AS last_day
FROM mood_days AS d
INNER JOIN users AS u ON d.user_key = u.user_key
INNER JOIN accounts AS a ON u.user_key = a.user_key
WHERE a.state = 'active' AND d.day >= :since
GROUP BY u.user_id
HAVING max(d.day) BETWEEN :earliest AND :latest AND count(*) >= :days
ORDER BY u.user_id
