-- One row per person and track without a mood: number of listens, and the reason why the track has none.
CREATE VIEW unlabelled_tracks AS
SELECT
    h.user_id,
    h.display_name,
    t.track_id,
    t.track,
    t.artists,
    CASE WHEN h.is_answered = 1 THEN 'none of these moods' ELSE t.unlabelled_reason END AS unlabelled_reason,
    h.listens
FROM (
    -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
    SELECT
        g.user_id,
        g.display_name,
        g.track_key,
        CASE WHEN p.track_key IS NULL THEN 0 ELSE 1 END AS is_answered,
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
    LEFT JOIN person_labels AS p ON g.user_key = p.user_key AND g.track_key = p.track_key
    -- By the keys alone, before anything is sorted or looked up for the many tracks that have a mood.
    WHERE
        p.mood IS NULL AND (
            p.track_key IS NOT NULL
            OR NOT EXISTS (
                SELECT 1 FROM moods AS m
                WHERE m.model_key IN (
                    (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
                    (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
                ) AND m.track_key = g.track_key
            )
        )
    WINDOW same AS (PARTITION BY g.user_id, g.track_key)
) AS h
INNER JOIN track_moods AS t ON h.track_key = t.track_key
WHERE h.part = 1
