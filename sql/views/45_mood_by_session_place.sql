-- One row per person, place in the session (1 for its first listen, up to 10) and mood ('Unlabelled' for listens
-- without one): number of listens.
CREATE VIEW mood_by_session_place AS
SELECT
    d.user_id,
    d.display_name,
    d.place_in_session,
    d.mood,
    d.listens
FROM (
    -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
    SELECT
        e.user_id,
        e.display_name,
        e.place_in_session,
        e.mood,
        CAST(sum(e.listens) OVER same AS BIGINT) AS listens,
        row_number() OVER same AS part
    FROM (
        -- The counted listens, then those since.
        SELECT
            u.user_id,
            u.display_name,
            k.place AS place_in_session,
            n.mood,
            CASE n.mood
                WHEN 'Calm' THEN k.calm
                WHEN 'Energetic' THEN k.energetic
                WHEN 'Happy' THEN k.happy
                WHEN 'Sad' THEN k.sad
                ELSE k.unlabelled
            END AS listens
        FROM users AS u
        INNER JOIN _counted_places AS k ON u.user_key = k.user_key
        CROSS JOIN _mood_names AS n
        UNION ALL
        SELECT
            q.user_id,
            q.display_name,
            q.place AS place_in_session,
            coalesce(CASE WHEN o.track_key IS NULL THEN m.mood ELSE o.mood END, 'Unlabelled') AS mood,
            1 AS listens
        FROM (
            SELECT
                p.user_key,
                p.user_id,
                p.display_name,
                p.track_key,
                p.is_recent,
                row_number() OVER (
                    PARTITION BY p.user_id, p.session_started_at_ms
                    ORDER BY p.played_at_ms, p.track_key
                ) AS place
            FROM (
                -- From the beginning of the last session that is not counted, to know the places.
                SELECT
                    l.user_key,
                    l.user_id,
                    l.display_name,
                    l.played_at_ms,
                    l.track_key,
                    CASE WHEN l.played_at_ms >= l.until_ms THEN 1 ELSE 0 END AS is_recent,
                    max(
                        CASE
                            WHEN NOT EXISTS (
                                SELECT 1 FROM listens AS x
                                WHERE
                                    x.user_key = l.user_key
                                    AND x.played_at_ms < l.played_at_ms
                                    AND x.played_at_ms >= l.played_at_ms - 1800000
                            ) THEN l.played_at_ms
                        END
                    ) OVER (PARTITION BY l.user_id ORDER BY l.played_at_ms) AS session_started_at_ms
                FROM _session_plays AS l
            ) AS p
        ) AS q
        LEFT JOIN _current_moods AS m ON q.track_key = m.track_key
        LEFT JOIN person_labels AS o ON q.user_key = o.user_key AND q.track_key = o.track_key
        WHERE q.place <= 10 AND q.is_recent = 1
    ) AS e
    WHERE e.listens > 0
    WINDOW same AS (PARTITION BY e.user_id, e.place_in_session, e.mood)
) AS d
WHERE d.part = 1
