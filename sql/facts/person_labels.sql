-- The labels that follow from answers.
SELECT
    u.user_id,
    t.track_id,
    p.mood,
    p.p_calm,
    p.p_energetic,
    p.p_happy,
    p.p_sad,
    p.mood_set,
    p.labelled_at_ms
FROM person_labels AS p
INNER JOIN users AS u ON u.user_key = p.user_key
INNER JOIN tracks AS t ON t.track_key = p.track_key
WHERE p.label_source = 'person';
