-- Every person.
SELECT
    user_id,
    display_name,
    timezone,
    connected_at_ms,
    recorded_at_ms
FROM users;
