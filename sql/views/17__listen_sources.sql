-- Listens per person and feature source (0 for tracks without features): from the totals, or from the listens while a
-- row of _stale_totals says that the totals must not be used.
CREATE VIEW _listen_sources AS
SELECT
    u.user_id,
    u.display_name,
    c.source_key,
    c.listens
FROM (
    SELECT
        k.user_key,
        k.source_key,
        k.listens
    FROM _covered_listens AS k
    UNION ALL
    -- All listens less those of tracks with features.
    SELECT
        t.user_key,
        0 AS source_key,
        t.listens
    FROM _listen_totals AS t
    UNION ALL
    SELECT
        k.user_key,
        0 AS source_key,
        -k.listens AS listens
    FROM _covered_listens AS k
) AS c
INNER JOIN users AS u ON c.user_key = u.user_key
WHERE (SELECT count(*) FROM _stale_totals) = 0
UNION ALL
SELECT
    u.user_id,
    u.display_name,
    coalesce(f.source_key, e.source_key, 0) AS source_key,
    count(*) AS listens
-- SQLite looks at the number first; PostgreSQL needs the condition.
FROM (SELECT count(*) AS reasons FROM _stale_totals) AS s
CROSS JOIN users AS u
INNER JOIN listens AS l ON u.user_key = l.user_key
LEFT JOIN audio_features AS f ON l.track_key = f.track_key
LEFT JOIN estimated_features AS e ON l.track_key = e.track_key
WHERE s.reasons > 0 AND (SELECT count(*) FROM _stale_totals) > 0
GROUP BY u.user_id, u.display_name, coalesce(f.source_key, e.source_key, 0)
