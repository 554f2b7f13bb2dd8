INSERT INTO listens (user_key, played_at_ms, track_key, ms_played, source_key)
/* rows */
ON CONFLICT (user_key, played_at_ms, track_key) DO NOTHING
