-- Spark SQL: the row groups of audio features, `parts`, each with its tracks that must not be labelled and with the
-- durations of its tracks that the source does not have. The first features of a track count, and the latest duration,
-- as in the statement `unlabelled_tracks`. `labelled` has the labels of the model version.
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

exceptions AS (
    SELECT -- noqa: ST06
        f.batch,
        f.track_id,
        TRUE AS is_skipped,
        CAST(NULL AS INT) AS duration_ms
    FROM audio_features AS f
    INNER JOIN first_batches AS o ON f.track_id = o.track_id AND f.batch > o.batch
    UNION ALL
    SELECT
        f.batch,
        f.track_id,
        TRUE AS is_skipped,
        NULL AS duration_ms
    FROM audio_features AS f
    LEFT SEMI JOIN labelled AS m ON f.track_id = m.track_id
    UNION ALL
    SELECT
        f.batch,
        f.track_id,
        FALSE AS is_skipped,
        max_by(t.duration_ms, t.batch) AS duration_ms
    FROM audio_features AS f
    INNER JOIN tracks AS t ON f.track_id = t.track_id
    WHERE f.duration_ms IS NULL AND t.duration_ms IS NOT NULL
    GROUP BY f.batch, f.track_id
),

-- The files are sorted, so row groups do not overlap.
found AS (
    SELECT /*+ BROADCAST(p) */
        p.path,
        p.number,
        collect_set(CASE WHEN e.is_skipped THEN e.track_id END) AS skipped,
        map_from_entries(
            collect_list(
                CASE
                    WHEN NOT e.is_skipped AND e.duration_ms BETWEEN 1000 AND 86400000
                        THEN struct(e.track_id, e.duration_ms)
                END
            )
        ) AS durations
    FROM exceptions AS e
    INNER JOIN parts AS p ON e.batch = p.batch AND e.track_id BETWEEN p.first AND p.last
    GROUP BY p.path, p.number
)

SELECT
    p.task,
    p.path,
    p.number,
    f.skipped,
    f.durations
FROM parts AS p
LEFT JOIN found AS f ON p.path = f.path AND p.number = f.number;
