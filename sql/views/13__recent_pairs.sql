-- The listens that are not counted yet, each with the track of the listen before it within half an hour.
CREATE VIEW _recent_pairs AS
SELECT
    n.user_id,
    n.display_name,
    n.user_key,
    l.track_key AS from_key,
    n.track_key AS to_key
FROM _recent_plays AS n
-- The listen before by key: the planner does not know how few these listens are. OFFSET forces this plan; otherwise it
-- would merge them with all listens.
CROSS JOIN
    LATERAL (
        SELECT l.track_key FROM listens AS l
        WHERE
            l.user_key = n.user_key
            AND l.played_at_ms = (
                SELECT max(x.played_at_ms) FROM listens AS x
                WHERE x.user_key = n.user_key AND x.played_at_ms < n.played_at_ms
            )
            AND n.played_at_ms - l.played_at_ms <= 1800000
        OFFSET 0 -- noqa: AM09
    ) AS l
