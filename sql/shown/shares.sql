-- How many of a period's listens have each mood: by the most probable mood, and by the model's probabilities the mean
-- and half the width of the 90% interval (Poisson-binomial distribution, normal approximation, continuity correction).
SELECT
    p.mood,
    sum(p.leads) AS listens,
    sum(p.chance) AS expected,
    1.6449 * sqrt(sum(p.chance * (1 - p.chance))) + 0.5 AS half_width
FROM (
    SELECT
        n.mood,
        CASE WHEN h.mood = n.mood THEN 1 ELSE 0 END AS leads,
        CAST(
            CASE n.mood
                WHEN 'Calm' THEN h.p_calm
                WHEN 'Energetic' THEN h.p_energetic
                WHEN 'Happy' THEN h.p_happy
                ELSE h.p_sad
            END AS DOUBLE PRECISION
        ) AS chance
    FROM mood_history AS h
    CROSS JOIN _mood_names AS n
    WHERE
        h.user_id = :user AND h.local_day >= :first AND h.local_day <= :last AND h.mood IS NOT NULL
        AND n.mood <> 'Unlabelled'
) AS p
GROUP BY p.mood
ORDER BY p.mood;
