-- One row per person, mood and track: number of listens, and the track's rank among that person's tracks of that mood
-- (1 is the most played; ties by track id).
CREATE VIEW top_tracks_by_mood AS
SELECT
    d.user_id,
    d.display_name,
    d.mood,
    row_number() OVER (PARTITION BY d.user_id, d.mood ORDER BY d.listens DESC, d.track_id) AS place,
    d.track_id,
    d.track,
    d.artists,
    d.listens
FROM (
    SELECT
        h.user_id,
        h.display_name,
        CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END AS mood,
        t.track_id,
        t.name AS track,
        t.artists,
        h.listens
    FROM (
        -- By key before the names are looked up. Windows instead of GROUP BY: SQLite pushes a condition on the person
        -- down through them.
        SELECT
            g.user_key,
            g.user_id,
            g.display_name,
            g.track_key,
            CAST(sum(g.listens) OVER same AS BIGINT) AS listens,
            row_number() OVER same AS part
        FROM (
            -- The counted listens, then those since.
            SELECT
                u.user_key,
                u.user_id,
                u.display_name,
                k.track_key,
                k.listens
            FROM users AS u
            INNER JOIN counted_tracks AS k ON u.user_key = k.user_key
            UNION ALL
            SELECT
                u.user_key,
                u.user_id,
                u.display_name,
                l.track_key,
                count(*) AS listens
            FROM users AS u
            LEFT JOIN counted_people AS c ON u.user_key = c.user_key
            INNER JOIN listens AS l ON u.user_key = l.user_key AND l.played_at_ms >= coalesce(c.until_ms, 0)
            GROUP BY u.user_key, u.user_id, u.display_name, l.track_key
        ) AS g
        WINDOW same AS (PARTITION BY g.user_id, g.track_key)
    ) AS h
    LEFT JOIN moods AS m
        ON m.model_key IN (
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
        ) AND h.track_key = m.track_key
    LEFT JOIN person_labels AS p ON h.user_key = p.user_key AND h.track_key = p.track_key
    INNER JOIN tracks AS t ON h.track_key = t.track_key
    WHERE h.part = 1 AND CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END IS NOT NULL
) AS d
