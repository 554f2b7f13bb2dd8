-- Listens, tracks and days of a period.
SELECT
    count(*) AS listens,
    count(mood) AS labelled,
    sum(coalesce(uncertain, 0)) AS uncertain,
    count(DISTINCT track_id) AS tracks,
    count(DISTINCT local_day) AS days
FROM mood_history
WHERE user_id = :user AND local_day >= :first AND local_day <= :last;
