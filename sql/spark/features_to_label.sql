-- Spark SQL: the stored features of tracks that a model version has not labelled, as in the statement
-- `unlabelled_tracks`. The first features of a track count. The duration is that of the source, or the latest one of
-- the track. `labelled` has the labels of the model version.
WITH repeated AS (
    SELECT track_id FROM audio_features
    GROUP BY track_id
    HAVING count(*) > 1
),

-- Few: features are fetched for tracks without any.
first_batches AS (
    SELECT
        f.track_id,
        min(f.batch) AS batch
    FROM audio_features AS f
    INNER JOIN repeated AS r ON f.track_id = r.track_id
    GROUP BY f.track_id
),

unlabelled AS (
    -- The hint keeps the other side where it is: Spark does not know that this one is small.
    SELECT /*+ BROADCAST(o) */ f.*
    FROM audio_features AS f
    LEFT ANTI JOIN first_batches AS o ON f.track_id = o.track_id AND f.batch > o.batch
    LEFT ANTI JOIN labelled AS m ON f.track_id = m.track_id
),

durations AS (
    SELECT
        t.track_id,
        max_by(t.duration_ms, t.batch) AS duration_ms
    FROM tracks AS t
    LEFT SEMI JOIN unlabelled AS u ON t.track_id = u.track_id AND u.duration_ms IS NULL
    WHERE t.duration_ms IS NOT NULL
    GROUP BY t.track_id
)

SELECT
    u.track_id,
    u.acousticness,
    u.danceability,
    u.energy,
    u.instrumentalness,
    u.liveness,
    u.loudness,
    u.speechiness,
    u.tempo,
    u.valence,
    u.duration_ms,
    u.source AS feature_source
FROM unlabelled AS u
WHERE u.duration_ms IS NOT NULL
UNION ALL
SELECT
    u.track_id,
    u.acousticness,
    u.danceability,
    u.energy,
    u.instrumentalness,
    u.liveness,
    u.loudness,
    u.speechiness,
    u.tempo,
    u.valence,
    CASE WHEN d.duration_ms BETWEEN 1000 AND 86400000 THEN d.duration_ms END AS duration_ms,
    u.source AS feature_source
FROM unlabelled AS u
LEFT JOIN durations AS d ON u.track_id = d.track_id
WHERE u.duration_ms IS NULL;
