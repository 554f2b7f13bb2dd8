-- One row per feature source ('none' for tracks without features): number of tracks and listens that it covers, and
-- their shares (0-1).
CREATE VIEW feature_coverage AS
-- From the totals; from the listens while a row of _stale_totals says that the totals must not be used.
WITH heard AS (
    SELECT
        coalesce(f.source_key, e.source_key) AS source_key,
        count(*) AS tracks
    FROM (
        SELECT h.track_key FROM _heard_tracks AS h
        WHERE (SELECT count(*) FROM _stale_totals) = 0
        UNION ALL
        SELECT DISTINCT l.track_key FROM (SELECT count(*) AS reasons FROM _stale_totals) AS s
        CROSS JOIN listens AS l
        WHERE s.reasons > 0 AND (SELECT count(*) FROM _stale_totals) > 0
    ) AS p
    LEFT JOIN audio_features AS f ON p.track_key = f.track_key
    LEFT JOIN estimated_features AS e ON p.track_key = e.track_key
    GROUP BY coalesce(f.source_key, e.source_key)
),

played AS (
    SELECT
        t.source_key,
        sum(t.listens) AS listens
    FROM _listen_sources AS t
    GROUP BY t.source_key
),

covered AS (
    SELECT
        coalesce(s.source, 'none') AS feature_source,
        h.tracks,
        CAST(coalesce(p.listens, 0) AS BIGINT) AS listens
    FROM heard AS h
    LEFT JOIN played AS p ON coalesce(h.source_key, 0) = p.source_key
    LEFT JOIN sources AS s ON h.source_key = s.source_key
)

SELECT
    feature_source,
    tracks,
    listens,
    CAST(round(1.0 * tracks / sum(tracks) OVER (), 4) AS DOUBLE PRECISION) AS track_share,
    CAST(round(1.0 * listens / sum(listens) OVER (), 4) AS DOUBLE PRECISION) AS listen_share
FROM covered
