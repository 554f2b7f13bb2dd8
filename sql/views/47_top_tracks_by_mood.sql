-- One row per person, mood and track, for a person's 50 most played tracks of each mood: number of listens, and the
-- track's rank (1 is the most played; ties by track id).
CREATE VIEW top_tracks_by_mood AS
SELECT
    d.user_id,
    d.display_name,
    d.mood,
    d.place,
    t.track_id,
    t.name AS track,
    t.artists,
    d.listens
FROM (
    -- The kept ranks, then those of people who have new listens.
    SELECT
        p.user_id,
        p.display_name,
        k.mood,
        k.place,
        k.track_key,
        k.listens
    FROM _ranked_people AS p
    INNER JOIN _counted_top_tracks AS k ON p.user_key = k.user_key
    UNION ALL
    SELECT
        r.user_id,
        r.display_name,
        r.mood,
        r.place,
        r.track_key,
        r.listens
    FROM (
        SELECT
            h.user_id,
            h.display_name,
            CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END AS mood,
            row_number() OVER (
                PARTITION BY h.user_id, CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END
                ORDER BY h.listens DESC, t.track_id COLLATE "C" -- noqa: RF02
            ) AS place,
            h.track_key,
            h.listens
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
            WINDOW same AS (PARTITION BY g.user_id, g.track_key)
        ) AS h
        LEFT JOIN _current_moods AS m ON h.track_key = m.track_key
        LEFT JOIN person_labels AS p ON h.user_key = p.user_key AND h.track_key = p.track_key
        INNER JOIN tracks AS t ON h.track_key = t.track_key
        WHERE h.part = 1 AND CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END IS NOT NULL
    ) AS r
    WHERE r.place <= 50
) AS d
INNER JOIN tracks AS t ON d.track_key = t.track_key
