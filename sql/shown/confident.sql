-- The two tracks of each mood with the most confident labels of a model.
SELECT
    track,
    artists,
    mood,
    p_calm,
    p_energetic,
    p_happy,
    p_sad,
    mood_set,
    listens
FROM (
    SELECT
        track,
        artists,
        mood,
        p_calm,
        p_energetic,
        p_happy,
        p_sad,
        mood_set,
        count(*) AS listens,
        row_number() OVER (
            PARTITION BY mood
            ORDER BY
                CASE mood
                    WHEN 'Calm' THEN p_calm
                    WHEN 'Energetic' THEN p_energetic
                    WHEN 'Happy' THEN p_happy
                    ELSE p_sad
                END DESC,
                count(*) DESC,
                track,
                artists
        ) AS place
    FROM mood_history
    WHERE
        user_id = :user AND local_day >= :first AND local_day <= :last AND mood IS NOT NULL
        AND label_source <> 'person'
    GROUP BY track, artists, mood, p_calm, p_energetic, p_happy, p_sad, mood_set
) AS ranked
WHERE place <= 2
ORDER BY mood, place;
