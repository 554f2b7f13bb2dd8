-- Every listen that is not counted yet in the tables _counted_*, with the local hour and the mood.
CREATE VIEW _recent_listens AS
SELECT
    u.user_id,
    u.display_name,
    l.track_key,
    l.skipped,
    CAST((l.played_at_ms / 1000 + o.offset_s) / 3600 % 24 AS INTEGER) AS hour,
    coalesce(CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END, 'Unlabelled') AS mood
FROM users AS u
-- One period at a time: each is one range of the person's listens in the index. OFFSET forces this plan; otherwise the
-- planner compares each listen with all periods.
LEFT JOIN _counted_people AS k ON u.user_key = k.user_key
INNER JOIN _utc_offsets AS o ON u.timezone = o.timezone AND o.ends_at_ms > coalesce(k.until_ms, 0)
CROSS JOIN
    LATERAL (
        SELECT
            l.track_key,
            l.played_at_ms,
            l.skipped
        FROM listens AS l
        WHERE
            u.user_key = l.user_key
            AND l.played_at_ms >= greatest(o.starts_at_ms, coalesce(k.until_ms, 0))
            AND l.played_at_ms < o.ends_at_ms
        OFFSET 0 -- noqa: AM09
    ) AS l
-- Finds each label with the index: PostgreSQL would hash all labels for one person's listens. There is one label at
-- most; LIMIT forces this plan.
LEFT JOIN LATERAL (
    SELECT m.mood FROM _current_moods AS m WHERE l.track_key = m.track_key
    LIMIT 1 -- noqa: AM09
) AS m ON TRUE
LEFT JOIN person_labels AS p ON u.user_key = p.user_key AND l.track_key = p.track_key
