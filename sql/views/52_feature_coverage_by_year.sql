-- One row per year of release ('unknown' if it is not known): number of its tracks with audio features, and the share
-- (0-1).
CREATE VIEW feature_coverage_by_year AS
SELECT
    coalesce(substr(t.release_date, 1, 4), 'unknown') AS release_year,
    count(*) AS tracks,
    count(coalesce(f.track_key, e.track_key)) AS covered_tracks,
    CAST(round(1.0 * count(coalesce(f.track_key, e.track_key)) / count(*), 4) AS DOUBLE PRECISION) AS track_share
FROM tracks AS t
LEFT JOIN audio_features AS f ON t.track_key = f.track_key
LEFT JOIN estimated_features AS e ON t.track_key = e.track_key
GROUP BY coalesce(substr(t.release_date, 1, 4), 'unknown')
