-- Spark SQL: the personal heads that label a person's tracks. The latest head of a person for a model counts, if it was
-- promoted.
SELECT
    h.user_id,
    h.base_model,
    h.latest.head
FROM (
    SELECT
        m.user_id,
        m.base_model,
        max_by(struct(m.promoted, m.head), m.trained_at) AS latest
    FROM mood_heads AS m
    LEFT JOIN kept_out AS k ON m.user_id = k.user_id
    WHERE k.user_id IS NULL OR m.batch >= k.before_batch
    GROUP BY m.user_id, m.base_model
) AS h
WHERE h.latest.promoted;
