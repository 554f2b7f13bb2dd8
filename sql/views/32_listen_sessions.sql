-- Every listen with its session and its place in it, 1 for the first. A session is listens of a person with at most 30
-- minutes (1,800,000 ms) between their times; session_started_at_ms is the time of its first listen, as in the view
-- sessions. Order by played_at_ms to sort by time. mood is NULL if a track is unlabelled.
CREATE VIEW listen_sessions AS
SELECT
    p.user_id,
    p.display_name,
    p.session_started_at_ms,
    (
        SELECT count(*) FROM listens AS x
        WHERE
            x.user_key = p.user_key
            AND x.played_at_ms >= p.session_started_at_ms
            AND x.played_at_ms <= p.played_at_ms
            AND (x.played_at_ms < p.played_at_ms OR x.track_key <= p.track_key)
    ) AS place_in_session,
    p.played_at_ms,
    p.ms_played,
    p.skipped,
    t.track_id,
    t.name AS track,
    t.artists,
    CASE WHEN o.track_key IS NULL THEN m.mood ELSE o.mood END AS mood
FROM (
    SELECT
        u.user_id,
        u.display_name,
        l.user_key,
        l.played_at_ms,
        l.track_key,
        l.ms_played,
        l.skipped,
        -- The last session that begins at this time or before it: a counted one, or the first listen going back that
        -- follows no other.
        CASE
            WHEN l.played_at_ms < (SELECT c.sessions_until_ms FROM _counted_people AS c WHERE c.user_key = l.user_key)
                THEN (
                    SELECT k.started_at_ms FROM _counted_sessions AS k
                    WHERE k.user_key = l.user_key AND k.started_at_ms <= l.played_at_ms
                    ORDER BY k.started_at_ms DESC
                    LIMIT 1
                )
            ELSE (
                SELECT s.played_at_ms FROM listens AS s
                WHERE
                    s.user_key = l.user_key
                    AND s.played_at_ms <= l.played_at_ms
                    AND NOT EXISTS (
                        SELECT 1 FROM listens AS x
                        WHERE
                            x.user_key = s.user_key
                            AND x.played_at_ms < s.played_at_ms
                            AND x.played_at_ms >= s.played_at_ms - 1800000
                    )
                ORDER BY s.played_at_ms DESC
                LIMIT 1
            )
        END AS session_started_at_ms
    FROM users AS u
    INNER JOIN listens AS l ON u.user_key = l.user_key
) AS p
-- LEFT, so that a database skips what a query does not use.
LEFT JOIN tracks AS t ON p.track_key = t.track_key
LEFT JOIN _current_moods AS m ON p.track_key = m.track_key
LEFT JOIN person_labels AS o ON p.user_key = o.user_key AND p.track_key = o.track_key
