-- The most played artists of each mood, and of the listens without one.
SELECT
    mood,
    artists,
    listens
FROM (
    SELECT
        coalesce(mood, 'Unlabelled') AS mood,
        artists,
        count(*) AS listens,
        row_number() OVER (PARTITION BY coalesce(mood, 'Unlabelled') ORDER BY count(*) DESC, artists) AS place
    FROM mood_history
    WHERE user_id = :user AND local_day >= :first AND local_day <= :last
    GROUP BY coalesce(mood, 'Unlabelled'), artists
) AS ranked
WHERE place <= 8
ORDER BY mood, place;
