-- One row per feature source ('none' for tracks without features): number of tracks and listens that it covers, and
-- their shares (0-1).
CREATE VIEW feature_coverage AS
WITH plays AS (
    SELECT
        track_key,
        count(*) AS listens
    FROM listens
    GROUP BY track_key
),

covered AS (
    SELECT
        coalesce(s.source, 'none') AS feature_source,
        count(*) AS tracks,
        CAST(sum(p.listens) AS BIGINT) AS listens
    FROM plays AS p
    LEFT JOIN audio_features AS f ON p.track_key = f.track_key
    LEFT JOIN estimated_features AS e ON p.track_key = e.track_key
    LEFT JOIN sources AS s ON s.source_key = coalesce(f.source_key, e.source_key)
    GROUP BY coalesce(s.source, 'none')
)

SELECT
    feature_source,
    tracks,
    listens,
    CAST(round(1.0 * tracks / sum(tracks) OVER (), 4) AS DOUBLE PRECISION) AS track_share,
    CAST(round(1.0 * listens / sum(listens) OVER (), 4) AS DOUBLE PRECISION) AS listen_share
FROM covered
