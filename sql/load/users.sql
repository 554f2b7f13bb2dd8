-- The latest row of a person counts, but for when they first connected (0 stands for not known yet). That holds in
-- whatever order rows come: one that a killed run has published may be loaded after a later one.
INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms)
/* rows */
ON CONFLICT (user_id) DO UPDATE SET
    display_name = CASE
        WHEN excluded.recorded_at_ms >= users.recorded_at_ms THEN excluded.display_name ELSE users.display_name
    END,
    timezone = CASE WHEN excluded.recorded_at_ms >= users.recorded_at_ms THEN excluded.timezone ELSE users.timezone END,
    connected_at_ms = CASE
        WHEN excluded.connected_at_ms = 0 THEN users.connected_at_ms
        WHEN users.connected_at_ms = 0 OR excluded.connected_at_ms < users.connected_at_ms
            THEN excluded.connected_at_ms
        ELSE users.connected_at_ms
    END,
    recorded_at_ms = CASE
        WHEN excluded.recorded_at_ms > users.recorded_at_ms THEN excluded.recorded_at_ms ELSE users.recorded_at_ms
    END
