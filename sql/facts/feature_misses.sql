-- Every feature miss.
SELECT
    substr(t.track_id, 1, 1) AS part,
    t.track_id,
    s.source,
    f.reason,
    f.misses,
    f.first_missed_at_ms,
    f.last_missed_at_ms
FROM feature_misses AS f
INNER JOIN tracks AS t ON t.track_key = f.track_key
INNER JOIN sources AS s ON s.source_key = f.source_key;
