-- One row per year of release ('unknown' if it is not known): number of its tracks with audio features, and the share
-- (0-1).
CREATE VIEW feature_coverage_by_year AS
SELECT
    coalesce(CAST(t.release_year AS TEXT), 'unknown') AS release_year,
    count(*) AS tracks,
    count(coalesce(f.track_key, e.track_key)) AS covered_tracks,
    CAST(round(1.0 * count(coalesce(f.track_key, e.track_key)) / count(*), 4) AS DOUBLE PRECISION) AS track_share,
    count(CASE WHEN t.release_year_source = 'isrc' THEN 1 END) AS tracks_dated_by_isrc
FROM _dated_tracks AS t
LEFT JOIN audio_features AS f ON t.track_key = f.track_key
LEFT JOIN estimated_features AS e ON t.track_key = e.track_key
GROUP BY coalesce(CAST(t.release_year AS TEXT), 'unknown')
