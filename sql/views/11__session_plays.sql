-- As _recent_plays, from the beginning of the last session that is not counted yet.
CREATE VIEW _session_plays AS
SELECT
    u.user_id,
    u.display_name,
    u.user_key,
    l.track_key,
    l.played_at_ms,
    l.skipped,
    coalesce(c.until_ms, 0) AS until_ms,
    coalesce(c.ranked_until_ms, 0) AS ranked_until_ms
FROM users AS u
LEFT JOIN _counted_people AS c ON u.user_key = c.user_key
-- One range of the index for each person: the planner does not know how few these listens are. OFFSET forces this plan.
CROSS JOIN
    LATERAL (
        SELECT
            l.track_key,
            l.played_at_ms,
            l.skipped
        FROM listens AS l
        WHERE u.user_key = l.user_key AND l.played_at_ms >= coalesce(c.sessions_until_ms, 0)
        OFFSET 0 -- noqa: AM09
    ) AS l
