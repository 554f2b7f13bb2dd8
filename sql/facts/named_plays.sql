-- Plays of which an export or a service names only artist and title.
SELECT
    u.user_id,
    p.ended_at_ms,
    p.artist,
    p.title,
    p.ms_played,
    t.track_id,
    s.source,
    p.recording_mbid,
    p.duration_ms
FROM named_plays AS p
INNER JOIN users AS u ON u.user_key = p.user_key
LEFT JOIN tracks AS t ON t.track_key = p.track_key
LEFT JOIN sources AS s ON s.source_key = p.source_key;
