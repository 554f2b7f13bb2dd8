-- One row per person and track without a mood: number of listens, and the reason why the track has none.
CREATE VIEW unlabelled_tracks AS
SELECT
    h.user_id,
    h.display_name,
    t.track_id,
    t.track,
    t.artists,
    CASE WHEN o.track_key IS NULL THEN t.unlabelled_reason ELSE 'none of these moods' END AS unlabelled_reason,
    h.listens
FROM (
    -- The kept counts, then those of people who have new listens.
    SELECT
        p.user_key,
        p.user_id,
        p.display_name,
        k.track_key,
        k.listens
    FROM _ranked_people AS p
    INNER JOIN _counted_unlabelled AS k ON p.user_key = k.user_key
    UNION ALL
    SELECT
        r.user_key,
        r.user_id,
        r.display_name,
        r.track_key,
        r.listens
    FROM (
        -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
        SELECT
            g.user_key,
            g.user_id,
            g.display_name,
            g.track_key,
            CAST(sum(g.listens) OVER same AS BIGINT) AS listens,
            row_number() OVER same AS part
        FROM _unranked_plays AS g
        LEFT JOIN person_labels AS p ON g.user_key = p.user_key AND g.track_key = p.track_key
        -- By the keys alone, before anything is sorted or looked up for the many tracks that have a mood.
        WHERE
            p.mood IS NULL AND (
                p.track_key IS NOT NULL
                OR NOT EXISTS (
                    SELECT 1 FROM _current_moods AS m WHERE m.track_key = g.track_key
                )
            )
        WINDOW same AS (PARTITION BY g.user_id, g.track_key)
    ) AS r
    WHERE r.part = 1
) AS h
INNER JOIN _track_moods AS t ON h.track_key = t.track_key
LEFT JOIN person_labels AS o ON h.user_key = o.user_key AND h.track_key = o.track_key
