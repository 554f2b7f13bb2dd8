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
        INNER JOIN counted_hours AS k ON u.user_key = k.user_key
        CROSS JOIN mood_names AS n
        UNION ALL
        SELECT
            h.user_id,
            h.display_name,
            h.hour,
            coalesce(CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END, 'Unlabelled') AS mood,
            count(*) AS listens
        FROM (
            SELECT
                u.user_key,
                u.user_id,
                u.display_name,
                l.track_key,
                CAST((l.played_at_ms / 1000 + o.offset_s) / 3600 % 24 AS INTEGER) AS hour
            FROM users AS u
            -- One period at a time: each is one range of the person's listens in the index. OFFSET forces this plan;
            -- otherwise the planner compares each listen with all periods.
            LEFT JOIN counted_people AS c ON u.user_key = c.user_key
            INNER JOIN utc_offsets AS o ON u.timezone = o.timezone AND o.ends_at_ms > coalesce(c.until_ms, 0)
            CROSS JOIN LATERAL (
                SELECT
                    p.track_key,
                    p.played_at_ms
                FROM listens AS p
                WHERE
                    u.user_key = p.user_key
                    AND p.played_at_ms >= greatest(o.starts_at_ms, coalesce(c.until_ms, 0))
                    AND p.played_at_ms < o.ends_at_ms
                OFFSET 0 -- noqa: AM09
            ) AS l
        ) AS h
        -- Finds each label with the index: PostgreSQL would hash all labels for one person's listens. There is one
        -- label at most; LIMIT forces this plan.
        LEFT JOIN LATERAL (
            SELECT x.mood FROM moods AS x
            WHERE
                x.model_key IN (
                    (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
                    (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
                )
                AND h.track_key = x.track_key
            LIMIT 1 -- noqa: AM09
        ) AS m ON TRUE
        LEFT JOIN person_labels AS p ON h.user_key = p.user_key AND h.track_key = p.track_key
        GROUP BY
            h.user_id,
            h.display_name,
            h.hour,
            coalesce(CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END, 'Unlabelled')
    ) AS e
    WHERE e.listens > 0
    WINDOW same AS (PARTITION BY e.user_id, e.hour, e.mood)
) AS d
WHERE d.part = 1
