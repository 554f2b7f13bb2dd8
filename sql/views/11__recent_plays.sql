-- Every listen that is not counted yet in the tables _counted_*, and until when its person's counts and ranks hold.
CREATE VIEW _recent_plays AS
SELECT
    u.user_id,
    u.display_name,
    u.user_key,
    n.track_key,
    n.played_at_ms,
    n.skipped,
    coalesce(c.until_ms, 0) AS until_ms,
    coalesce(c.ranked_until_ms, 0) AS ranked_until_ms
FROM users AS u
LEFT JOIN _counted_people AS c ON u.user_key = c.user_key
-- One range of the index for each person: the planner does not know how few these listens are. OFFSET forces this plan.
CROSS JOIN
    LATERAL (
        SELECT
            n.track_key,
            n.played_at_ms,
            n.skipped
        FROM listens AS n
        WHERE u.user_key = n.user_key AND n.played_at_ms >= coalesce(c.until_ms, 0)
        OFFSET 0 -- noqa: AM09
    ) AS n
