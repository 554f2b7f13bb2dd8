-- One row per person, hour of the day (0-23, in the person's local time) and mood ('Unlabelled' for listens without
-- one): number of listens, and their share of that hour's listens (0-1).
CREATE VIEW mood_by_hour AS
SELECT
    d.user_id,
    d.display_name,
    d.hour,
    d.mood,
    d.listens,
    CAST(
        round(1.0 * d.listens / sum(d.listens) OVER (PARTITION BY d.user_id, d.hour), 4) AS DOUBLE PRECISION
    ) AS share
FROM (
    -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
    SELECT
        e.user_id,
        e.display_name,
        e.hour,
        e.mood,
        CAST(sum(e.listens) OVER same AS BIGINT) AS listens,
        row_number() OVER same AS part
    FROM (
        -- The counted listens, then those since.
        SELECT
            u.user_id,
            u.display_name,
            k.hour,
            n.mood,
            CASE n.mood
                WHEN 'Calm' THEN k.calm
                WHEN 'Energetic' THEN k.energetic
                WHEN 'Happy' THEN k.happy
                WHEN 'Sad' THEN k.sad
                ELSE k.unlabelled
            END AS listens
        FROM users AS u
        INNER JOIN _counted_hours AS k ON u.user_key = k.user_key
        CROSS JOIN _mood_names AS n
        UNION ALL
        SELECT
            r.user_id,
            r.display_name,
            r.hour,
            r.mood,
            count(*) AS listens
        FROM _recent_listens AS r
        GROUP BY r.user_id, r.display_name, r.hour, r.mood
    ) AS e
    WHERE e.listens > 0
    WINDOW same AS (PARTITION BY e.user_id, e.hour, e.mood)
) AS d
WHERE d.part = 1
