-- What was learned from the person's answers.
SELECT
    u.user_id,
    h.trained_at_ms,
    h.base_model,
    h.version,
    h.promoted,
    h.head,
    h.scores
FROM mood_heads AS h
INNER JOIN users AS u ON h.user_key = u.user_key
WHERE u.user_id = :id
ORDER BY h.trained_at_ms;
