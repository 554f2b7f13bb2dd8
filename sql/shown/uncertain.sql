-- The tracks with the least confident labels of a model.
SELECT
    track,
    artists,
    mood,
    p_calm,
    p_energetic,
    p_happy,
    p_sad,
    mood_set,
    count(*) AS listens
FROM mood_history
WHERE
    user_id = :user AND local_day >= :first AND local_day <= :last AND mood IS NOT NULL
    AND label_source <> 'person'
GROUP BY track, artists, mood, p_calm, p_energetic, p_happy, p_sad, mood_set
ORDER BY
    CASE mood WHEN 'Calm' THEN p_calm WHEN 'Energetic' THEN p_energetic WHEN 'Happy' THEN p_happy ELSE p_sad END,
    count(*) DESC,
    track,
    artists
LIMIT 8;
