-- Answers of resolvers about names.
SELECT
    substr(r.artist, 1, 1) AS part,
    r.artist,
    r.title,
    r.resolved_by,
    r.outcome,
    t.track_id,
    r.misses,
    r.resolved_at_ms
FROM resolutions AS r
LEFT JOIN tracks AS t ON r.track_key = t.track_key;
