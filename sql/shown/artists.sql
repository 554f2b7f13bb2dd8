-- The most played artists of each mood.
SELECT
    mood,
    artists,
    listens
FROM (
    SELECT
        mood,
        artists,
        count(*) AS listens,
        row_number() OVER (PARTITION BY mood ORDER BY count(*) DESC, artists) AS place
    FROM mood_history
    WHERE user_id = :user AND local_day >= :first AND local_day <= :last AND mood IS NOT NULL
    GROUP BY mood, artists
) AS ranked
WHERE place <= 8
ORDER BY mood, place;
