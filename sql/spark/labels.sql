-- Spark SQL: the labels that the views show: those of the current model, and of the current model for estimated
-- features where a track has no others. A model's first label of a track counts.
WITH first_labels AS (
    SELECT
        m.track_id,
        m.model_version,
        min_by(struct(m.mood, m.p_calm, m.p_energetic, m.p_happy, m.p_sad), m.batch) AS label
    FROM moods AS m
    INNER JOIN current_models AS c ON m.model_version = c.model_version
    GROUP BY m.track_id, m.model_version
),

exact AS (
    SELECT f.* FROM first_labels AS f -- noqa: AM04
    INNER JOIN current_models AS c ON f.model_version = c.model_version AND NOT c.estimated
),

estimated AS (
    SELECT f.* FROM first_labels AS f -- noqa: AM04
    INNER JOIN current_models AS c ON f.model_version = c.model_version AND c.estimated
    LEFT ANTI JOIN audio_features AS a ON f.track_id = a.track_id
)

SELECT
    e.track_id,
    e.model_version,
    e.label.mood,
    e.label.p_calm,
    e.label.p_energetic,
    e.label.p_happy,
    e.label.p_sad
FROM exact AS e
UNION ALL
SELECT
    e.track_id,
    e.model_version,
    e.label.mood,
    e.label.p_calm,
    e.label.p_energetic,
    e.label.p_happy,
    e.label.p_sad
FROM estimated AS e;
