-- Spark SQL: the labels of the current models of the tracks that people with a personal head heard and did not answer
-- about. The latest head of a person for a model counts, if it was promoted.
WITH heads AS (
    SELECT
        h.user_id,
        h.base_model,
        max_by(struct(h.promoted, h.head), h.trained_at) AS latest
    FROM mood_heads AS h
    LEFT JOIN kept_out AS k ON h.user_id = k.user_id
    WHERE k.user_id IS NULL OR h.batch >= k.before_batch
    GROUP BY h.user_id, h.base_model
)

SELECT DISTINCT
    e.user_id,
    e.track_id,
    m.p_calm,
    m.p_energetic,
    m.p_happy,
    m.p_sad,
    h.latest.head
FROM heads AS h
INNER JOIN heard AS e ON h.user_id = e.user_id
INNER JOIN labels AS m ON e.track_id = m.track_id AND h.base_model = m.model_version
LEFT ANTI JOIN answered AS a ON e.user_id = a.user_id AND e.track_id = a.track_id
WHERE h.latest.promoted;
