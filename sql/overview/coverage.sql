-- The rows of feature_coverage, from the totals.
WITH heard AS (
    SELECT
        f.source_key,
        count(*) AS tracks
    FROM heard_tracks AS h
    LEFT JOIN audio_features AS f ON h.track_key = f.track_key
    GROUP BY f.source_key
),

played AS (
    SELECT
        c.source_key,
        sum(c.listens) AS listens
    FROM covered_listens AS c
    GROUP BY c.source_key
),

together AS (
    SELECT sum(listens) AS listens FROM played
),

covered AS (
    SELECT
        coalesce(s.source, 'none') AS feature_source,
        h.tracks,
        coalesce(p.listens, (SELECT sum(t.listens) FROM listen_totals AS t) - coalesce(a.listens, 0)) AS listens
    FROM heard AS h
    LEFT JOIN sources AS s ON h.source_key = s.source_key
    LEFT JOIN played AS p ON h.source_key = p.source_key
    CROSS JOIN together AS a
)

SELECT
    feature_source,
    tracks,
    CAST(listens AS BIGINT) AS listens,
    CAST(round(1.0 * tracks / sum(tracks) OVER (), 4) AS DOUBLE PRECISION) AS track_share,
    CAST(round(1.0 * listens / sum(listens) OVER (), 4) AS DOUBLE PRECISION) AS listen_share
FROM covered
ORDER BY feature_source;
