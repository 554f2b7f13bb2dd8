-- Every personal head.
SELECT
    u.user_id,
    h.trained_at_ms,
    h.base_model,
    h.version,
    h.promoted,
    h.head,
    h.scores
FROM mood_heads AS h
INNER JOIN users AS u ON u.user_key = h.user_key;
