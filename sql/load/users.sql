-- The latest row of a person counts, but for when they first connected (0 stands for not known yet).
INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms)
/* rows */
ON CONFLICT (user_id) DO UPDATE SET
    display_name = excluded.display_name,
    timezone = excluded.timezone,
    connected_at_ms = CASE users.connected_at_ms WHEN 0 THEN excluded.connected_at_ms ELSE users.connected_at_ms END,
    recorded_at_ms = excluded.recorded_at_ms
WHERE excluded.recorded_at_ms >= users.recorded_at_ms
