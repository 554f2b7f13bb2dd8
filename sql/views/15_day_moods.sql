-- The daily counts with one row a person, day (days since 1970-01-01, on the person's own clock) and mood.
CREATE VIEW day_moods AS
SELECT
    w.user_key,
    w.day,
    w.mood,
    w.listens,
    w.uncertain_listens
FROM (
    SELECT
        d.user_key,
        d.day,
        n.mood,
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
        END AS uncertain_listens
    FROM mood_days AS d
    CROSS JOIN mood_names AS n
) AS w
WHERE w.listens > 0
