-- The daily counts, computed from the listens.
SELECT
    u.user_id,
    d.day,
    d.mood,
    d.listens,
    d.uncertain_listens,
    d.expected_listens,
    d.listens_variance
FROM _mood_days_by_mood AS d
INNER JOIN users AS u ON u.user_key = d.user_key;
