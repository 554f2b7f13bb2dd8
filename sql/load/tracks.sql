-- What becomes known of a track fills in what was not; nothing known is ever lost.
INSERT INTO tracks (track_id, name, artists, album, duration_ms, isrc, release_date, kind)
/* rows */
ON CONFLICT (track_id) DO UPDATE SET
    name = excluded.name,
    artists = excluded.artists,
    album = coalesce(excluded.album, tracks.album),
    duration_ms = coalesce(excluded.duration_ms, tracks.duration_ms),
    isrc = coalesce(excluded.isrc, tracks.isrc),
    release_date = coalesce(excluded.release_date, tracks.release_date),
    kind = excluded.kind
