-- The estimated features of every track that has them.
SELECT
    substr(t.track_id, 1, 1) AS part,
    t.track_id,
    f.acousticness,
    f.danceability,
    f.energy,
    f.instrumentalness,
    f.liveness,
    f.loudness,
    f.speechiness,
    f.tempo,
    f.valence,
    f.duration_ms,
    f.fetched_at_ms,
    s.source
FROM estimated_features AS f
INNER JOIN tracks AS t ON t.track_key = f.track_key
INNER JOIN sources AS s ON s.source_key = f.source_key;
