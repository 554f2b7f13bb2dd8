-- The most played tracks of each mood.
SELECT
    mood,
    track_id,
    track,
    artists,
    listens
FROM (
    SELECT
        mood,
        track_id,
        track,
        artists,
        count(*) AS listens,
        row_number() OVER (PARTITION BY mood ORDER BY count(*) DESC, track_id) AS place
    FROM mood_history
    WHERE user_id = :user AND local_day >= :first AND local_day <= :last AND mood IS NOT NULL
    GROUP BY mood, track_id, track, artists
) AS ranked
WHERE place <= 8
ORDER BY mood, place;
