-- What were the calmest days of each person? Days with fewer than ten listens are skipped.
WITH days AS (
    SELECT
        display_name,
        day,
        sum(listens) AS listens,
        sum(CASE WHEN mood = 'Calm' THEN listens ELSE 0 END) AS calm
    FROM mood_daily
    GROUP BY display_name, day
)

SELECT
    display_name,
    day,
    listens,
    CAST(round(100.0 * calm / listens) AS INTEGER) AS calm_percent
FROM days
WHERE listens >= 10
ORDER BY calm_percent DESC, display_name, day
LIMIT 10;
