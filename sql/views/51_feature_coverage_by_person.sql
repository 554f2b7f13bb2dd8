-- One row per person: number of their listens of tracks with audio features (estimated ones too), and the share (0-1).
CREATE VIEW feature_coverage_by_person AS
SELECT
    u.user_id,
    u.display_name,
    count(*) AS listens,
    count(coalesce(f.track_key, e.track_key)) AS covered_listens,
    CAST(round(1.0 * count(coalesce(f.track_key, e.track_key)) / count(*), 4) AS DOUBLE PRECISION) AS listen_share
FROM listens AS l
INNER JOIN users AS u ON l.user_key = u.user_key
LEFT JOIN audio_features AS f ON l.track_key = f.track_key
LEFT JOIN estimated_features AS e ON l.track_key = e.track_key
GROUP BY u.user_id, u.display_name
