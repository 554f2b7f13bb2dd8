-- Every other name of a track.
SELECT
    substr(t.track_id, 1, 1) AS part,
    t.track_id,
    n.artist,
    n.title
FROM track_names AS n
INNER JOIN tracks AS t ON n.track_key = t.track_key;
