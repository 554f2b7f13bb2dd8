-- Plays that an export names only by artist and title.
SELECT
    u.user_id,
    p.ended_at_ms,
    p.artist,
    p.title,
    p.ms_played,
    t.track_id
FROM named_plays AS p
INNER JOIN users AS u ON u.user_key = p.user_key
LEFT JOIN tracks AS t ON t.track_key = p.track_key;
