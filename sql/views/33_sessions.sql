-- One row per session of a person: listens with at most 30 minutes (1,800,000 ms) between their times. minutes is the
-- time from the first to the last listen; local_day and local_hour are those of the first.
CREATE VIEW sessions AS
SELECT
    d.user_id,
    d.display_name,
    d.session_started_at_ms,
    d.session_ended_at_ms,
    DATE '1970-01-01' + d.day AS local_day,
    d.hour AS local_hour,
    CAST(round((d.session_ended_at_ms - d.session_started_at_ms) / 60000.0, 1) AS DOUBLE PRECISION) AS minutes,
    d.listens
FROM (
    SELECT
        e.user_id,
        e.display_name,
        e.session_started_at_ms,
        e.session_ended_at_ms,
        e.listens,
        CAST((e.session_started_at_ms / 1000 + e.offset_s) / 86400 AS INTEGER) AS day,
        CAST((e.session_started_at_ms / 1000 + e.offset_s) / 3600 % 24 AS INTEGER) AS hour
    FROM (
        -- The counted sessions, then those since.
        SELECT
            u.user_id,
            u.display_name,
            k.started_at_ms AS session_started_at_ms,
            k.ended_at_ms AS session_ended_at_ms,
            k.listens,
            k.offset_s
        FROM users AS u
        INNER JOIN _counted_sessions AS k ON u.user_key = k.user_key
        UNION ALL
        SELECT
            s.user_id,
            s.display_name,
            s.session_started_at_ms,
            (
                SELECT max(x.played_at_ms) FROM listens AS x
                WHERE x.user_key = s.user_key AND x.played_at_ms < s.next_started_at_ms
            ) AS session_ended_at_ms,
            (
                SELECT count(*) FROM listens AS x
                WHERE
                    x.user_key = s.user_key
                    AND x.played_at_ms >= s.session_started_at_ms
                    AND x.played_at_ms < s.next_started_at_ms
            ) AS listens,
            o.offset_s
        FROM (
            -- The listens that begin a session, and when the next session begins; far in the future if there is none.
            SELECT
                l.user_id,
                l.display_name,
                l.user_key,
                l.played_at_ms AS session_started_at_ms,
                coalesce(
                    lead(l.played_at_ms) OVER (PARTITION BY l.user_id ORDER BY l.played_at_ms), 9007199254740992
                ) AS next_started_at_ms
            FROM _session_plays AS l
            -- The listen before, from the index: for a NOT EXISTS, PostgreSQL would compare all listens of a person.
            WHERE
                coalesce(
                    (
                        SELECT max(x.played_at_ms) FROM listens AS x
                        WHERE x.user_key = l.user_key AND x.played_at_ms < l.played_at_ms
                    ), 0
                ) < l.played_at_ms - 1800000
            GROUP BY l.user_id, l.display_name, l.user_key, l.played_at_ms
        ) AS s
        INNER JOIN users AS u ON s.user_key = u.user_key
        INNER JOIN _utc_offsets AS o
            ON
                u.timezone = o.timezone
                AND s.session_started_at_ms >= o.starts_at_ms
                AND s.session_started_at_ms < o.ends_at_ms
    ) AS e
) AS d
