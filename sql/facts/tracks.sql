-- Every recording.
SELECT
    substr(track_id, 1, 1) AS part,
    track_id,
    name,
    artists,
    album,
    duration_ms,
    isrc,
    release_date,
    kind
FROM tracks;
