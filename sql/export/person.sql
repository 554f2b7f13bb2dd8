-- The person and the state of their account; never a token.
SELECT
    u.user_id,
    u.display_name,
    u.timezone,
    u.connected_at_ms,
    u.recorded_at_ms,
    a.state,
    a.state_reason,
    a.authorised_at_ms,
    a.permission_tries,
    a.permission_retry_at_ms,
    a.last_pulled_at_ms,
    a.service,
    a.read_up_to_ms,
    a.read_down_to_ms,
    a.history_start_at_ms,
    a.history_plays,
    a.empty_since_ms,
    a.read_again_at_ms,
    a.read_again_below_ms,
    a.changed_plays,
    a.last_problem
FROM users AS u
LEFT JOIN _accounts AS a ON a.user_key = u.user_key
WHERE u.user_id = :id;
