-- A play whose track became known keeps it.
INSERT INTO named_plays (user_key, ended_at_ms, artist, title, ms_played, track_key)
/* rows */
ON CONFLICT (user_key, ended_at_ms, artist, title, coalesce(ms_played, -1)) DO UPDATE SET
    track_key = coalesce(named_plays.track_key, excluded.track_key)
