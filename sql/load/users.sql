-- The latest row of a person counts.
INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms)
/* rows */
ON CONFLICT (user_id) DO UPDATE SET
    display_name = excluded.display_name,
    timezone = excluded.timezone,
    connected_at_ms = excluded.connected_at_ms,
    recorded_at_ms = excluded.recorded_at_ms
WHERE excluded.recorded_at_ms >= users.recorded_at_ms
