-- Spark SQL: the feature source of each track with features. Exact features count before estimated ones, and of these
-- the first.
WITH features AS (
    SELECT
        f.track_id,
        f.source,
        f.batch,
        FALSE AS estimated
    FROM audio_features AS f
    UNION ALL
    SELECT
        e.track_id,
        e.source,
        e.batch,
        TRUE AS estimated
    FROM estimated_features AS e
)

SELECT
    f.track_id,
    min_by(f.source, struct(f.estimated, f.batch)) AS feature_source
FROM features AS f
GROUP BY f.track_id;
