-- One row per person and mood ('Unlabelled' for listens without one): number of listens of which it is known whether
-- they were skipped, how many of them were, and their share (0-1). Only extended histories have this.
CREATE VIEW skips_by_mood AS
SELECT
    d.user_id,
    d.display_name,
    d.mood,
    d.listens,
    d.skipped_listens,
    CAST(round(1.0 * d.skipped_listens / d.listens, 4) AS DOUBLE PRECISION) AS skipped_share
FROM (
    -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
    SELECT
        e.user_id,
        e.display_name,
        e.mood,
        CAST(sum(e.listens) OVER same AS BIGINT) AS listens,
        CAST(sum(e.skipped) OVER same AS BIGINT) AS skipped_listens,
        row_number() OVER same AS part
    FROM (
        -- The counted listens, then those since.
        SELECT
            u.user_id,
            u.display_name,
            k.mood,
            k.listens,
            k.skipped
        FROM users AS u
        INNER JOIN _counted_skips AS k ON u.user_key = k.user_key
        UNION ALL
        SELECT
            r.user_id,
            r.display_name,
            r.mood,
            count(*) AS listens,
            sum(r.skipped) AS skipped
        FROM _recent_listens AS r
        WHERE r.skipped IS NOT NULL
        GROUP BY r.user_id, r.display_name, r.mood
    ) AS e
    WINDOW same AS (PARTITION BY e.user_id, e.mood)
) AS d
WHERE d.part = 1
