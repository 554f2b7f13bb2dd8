-- Spark SQL: the view `feature_coverage`.
WITH heard_tracks AS (SELECT DISTINCT track_id FROM heard),

heard_sources AS (
    SELECT
        coalesce(s.feature_source, 'none') AS feature_source,
        count(*) AS tracks
    FROM heard_tracks AS h
    LEFT JOIN sources AS s ON h.track_id = s.track_id
    GROUP BY coalesce(s.feature_source, 'none')
),

played AS (
    SELECT
        c.feature_source,
        sum(c.listens) AS listens
    FROM listen_counts AS c
    GROUP BY c.feature_source
)

SELECT
    h.feature_source,
    h.tracks,
    p.listens,
    CAST(round(CAST(h.tracks AS DECIMAL(18, 0)) / sum(h.tracks) OVER (), 4) AS DOUBLE) AS track_share,
    CAST(round(CAST(p.listens AS DECIMAL(18, 0)) / sum(p.listens) OVER (), 4) AS DOUBLE) AS listen_share
FROM heard_sources AS h
INNER JOIN played AS p ON h.feature_source = p.feature_source
ORDER BY h.feature_source;
