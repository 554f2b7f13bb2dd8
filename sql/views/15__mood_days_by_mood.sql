-- _mood_days as one row per person, day (days since 1970-01-01, in the person's local time) and mood.
-- expected_listens and listens_variance are the mean and variance of how many of the labelled listens have the mood
-- under the model's probabilities, listens taken as independent (Poisson-binomial). A mood that leads no listen can
-- still be expected. all_listens and labelled count all listens of the day, and those with a mood.
CREATE VIEW _mood_days_by_mood AS
SELECT
    w.user_key,
    w.day,
    w.mood,
    w.listens,
    w.uncertain_listens,
    w.all_listens,
    w.labelled,
    CAST(w.expected AS DOUBLE PRECISION) / 10000 AS expected_listens,
    CAST(w.variance AS DOUBLE PRECISION) / 100000000 AS listens_variance
FROM (
    SELECT
        d.user_key,
        d.day,
        n.mood,
        d.calm + d.energetic + d.happy + d.sad + d.unlabelled AS all_listens,
        d.calm + d.energetic + d.happy + d.sad AS labelled,
        CASE n.mood
            WHEN 'Calm' THEN d.calm
            WHEN 'Energetic' THEN d.energetic
            WHEN 'Happy' THEN d.happy
            WHEN 'Sad' THEN d.sad
            ELSE d.unlabelled
        END AS listens,
        CASE n.mood
            WHEN 'Calm' THEN d.uncertain_calm
            WHEN 'Energetic' THEN d.uncertain_energetic
            WHEN 'Happy' THEN d.uncertain_happy
            WHEN 'Sad' THEN d.uncertain_sad
            ELSE 0
        END AS uncertain_listens,
        CASE n.mood
            WHEN 'Calm' THEN d.expected_calm
            WHEN 'Energetic' THEN d.expected_energetic
            WHEN 'Happy' THEN d.expected_happy
            WHEN 'Sad' THEN d.expected_sad
            ELSE 0
        END AS expected,
        CASE n.mood
            WHEN 'Calm' THEN d.variance_calm
            WHEN 'Energetic' THEN d.variance_energetic
            WHEN 'Happy' THEN d.variance_happy
            WHEN 'Sad' THEN d.variance_sad
            ELSE 0
        END AS variance
    FROM _mood_days AS d
    CROSS JOIN _mood_names AS n
) AS w
WHERE w.listens > 0 OR w.expected > 0
