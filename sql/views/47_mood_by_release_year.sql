-- One row per person, year of release and mood ('Unlabelled' for listens without one): number of listens. Listens of
-- tracks with an unknown year are left out.
CREATE VIEW mood_by_release_year AS
SELECT
    d.user_id,
    d.display_name,
    d.release_year,
    d.mood,
    d.listens
FROM (
    -- The kept counts, then those of people who have new listens.
    SELECT
        p.user_id,
        p.display_name,
        k.release_year,
        n.mood,
        CASE n.mood
            WHEN 'Calm' THEN k.calm
            WHEN 'Energetic' THEN k.energetic
            WHEN 'Happy' THEN k.happy
            WHEN 'Sad' THEN k.sad
            ELSE k.unlabelled
        END AS listens
    FROM _ranked_people AS p
    INNER JOIN _counted_years AS k ON p.user_key = k.user_key
    CROSS JOIN _mood_names AS n
    UNION ALL
    SELECT
        r.user_id,
        r.display_name,
        r.release_year,
        r.mood,
        r.listens
    FROM (
        -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
        SELECT
            h.user_id,
            h.display_name,
            h.release_year,
            h.mood,
            CAST(sum(h.listens) OVER same AS BIGINT) AS listens,
            row_number() OVER same AS part
        FROM (
            SELECT
                k.user_id,
                k.display_name,
                k.listens,
                t.release_year,
                coalesce(CASE WHEN p.track_key IS NULL THEN t.mood ELSE p.mood END, 'Unlabelled') AS mood
            FROM _unranked_plays AS k
            INNER JOIN _track_moods AS t ON k.track_key = t.track_key
            LEFT JOIN person_labels AS p ON k.user_key = p.user_key AND k.track_key = p.track_key
            WHERE t.release_year IS NOT NULL
        ) AS h
        WINDOW same AS (PARTITION BY h.user_id, h.release_year, h.mood)
    ) AS r
    WHERE r.part = 1
) AS d
WHERE d.listens > 0
