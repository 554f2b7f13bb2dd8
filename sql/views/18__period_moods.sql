-- One row per person, week or month, and mood that has a listen: what mood_weekly and mood_monthly show. begins is the
-- date of the period's first day; share_low and share_high are as in _day_shares.
CREATE VIEW _period_moods AS
SELECT
    s.user_id,
    s.display_name,
    s.unit,
    s.begins,
    s.mood,
    s.listens,
    s.uncertain_listens,
    CAST(round(1.0 * s.listens / s.all_listens, 4) AS DOUBLE PRECISION) AS share,
    CAST(round(CAST(s.mean / s.all_listens AS NUMERIC), 4) AS DOUBLE PRECISION) AS share_expected,
    CASE
        WHEN s.mood <> 'Unlabelled'
            THEN CAST(round(CAST(greatest(s.mean - s.half, 0.0) / s.all_listens AS NUMERIC), 4) AS DOUBLE PRECISION)
    END AS share_low,
    CASE
        WHEN s.mood <> 'Unlabelled'
            THEN
                CAST(
                    round(CAST(least(s.mean + s.half, 1.0 * s.labelled) / s.all_listens AS NUMERIC), 4)
                    AS DOUBLE PRECISION
                )
    END AS share_high
FROM (
    SELECT
        g.user_id,
        g.display_name,
        g.unit,
        g.begins,
        g.mood,
        g.listens,
        g.uncertain_listens,
        g.all_listens,
        g.labelled,
        CASE WHEN g.mood <> 'Unlabelled' THEN CAST(g.expected AS DOUBLE PRECISION) / 10000 END AS mean,
        CASE
            WHEN g.mood <> 'Unlabelled' THEN 1.6449 * sqrt(CAST(g.variance AS DOUBLE PRECISION) / 100000000) + 0.5
        END AS half
    FROM (
        SELECT
            w.user_id,
            w.display_name,
            w.unit,
            w.begins,
            n.mood,
            w.calm + w.energetic + w.happy + w.sad + w.unlabelled AS all_listens,
            w.calm + w.energetic + w.happy + w.sad AS labelled,
            CASE n.mood
                WHEN 'Calm' THEN w.calm
                WHEN 'Energetic' THEN w.energetic
                WHEN 'Happy' THEN w.happy
                WHEN 'Sad' THEN w.sad
                ELSE w.unlabelled
            END AS listens,
            CASE n.mood
                WHEN 'Calm' THEN w.uncertain_calm
                WHEN 'Energetic' THEN w.uncertain_energetic
                WHEN 'Happy' THEN w.uncertain_happy
                WHEN 'Sad' THEN w.uncertain_sad
                ELSE 0
            END AS uncertain_listens,
            CASE n.mood
                WHEN 'Calm' THEN w.expected_calm
                WHEN 'Energetic' THEN w.expected_energetic
                WHEN 'Happy' THEN w.expected_happy
                WHEN 'Sad' THEN w.expected_sad
                ELSE 0
            END AS expected,
            CASE n.mood
                WHEN 'Calm' THEN w.variance_calm
                WHEN 'Energetic' THEN w.variance_energetic
                WHEN 'Happy' THEN w.variance_happy
                WHEN 'Sad' THEN w.variance_sad
                ELSE 0
            END AS variance
        FROM (
            -- Summed up before there is a row for each mood.
            SELECT
                u.user_id,
                u.display_name,
                p.unit,
                CASE p.unit
                    WHEN 'month' THEN CAST(date_trunc('month', DATE '1970-01-01' + m.day) AS DATE)
                    ELSE DATE '1970-01-01' + m.monday
                END AS begins,
                CAST(sum(m.calm) AS BIGINT) AS calm,
                CAST(sum(m.energetic) AS BIGINT) AS energetic,
                CAST(sum(m.happy) AS BIGINT) AS happy,
                CAST(sum(m.sad) AS BIGINT) AS sad,
                CAST(sum(m.unlabelled) AS BIGINT) AS unlabelled,
                CAST(sum(m.uncertain_calm) AS BIGINT) AS uncertain_calm,
                CAST(sum(m.uncertain_energetic) AS BIGINT) AS uncertain_energetic,
                CAST(sum(m.uncertain_happy) AS BIGINT) AS uncertain_happy,
                CAST(sum(m.uncertain_sad) AS BIGINT) AS uncertain_sad,
                CAST(sum(m.expected_calm) AS BIGINT) AS expected_calm,
                CAST(sum(m.expected_energetic) AS BIGINT) AS expected_energetic,
                CAST(sum(m.expected_happy) AS BIGINT) AS expected_happy,
                CAST(sum(m.expected_sad) AS BIGINT) AS expected_sad,
                CAST(sum(m.variance_calm) AS BIGINT) AS variance_calm,
                CAST(sum(m.variance_energetic) AS BIGINT) AS variance_energetic,
                CAST(sum(m.variance_happy) AS BIGINT) AS variance_happy,
                CAST(sum(m.variance_sad) AS BIGINT) AS variance_sad
            FROM (
                SELECT
                    d.*,
                    d.day - (d.day + 3) % 7 AS monday
                FROM _mood_days AS d
            ) AS m
            INNER JOIN users AS u ON m.user_key = u.user_key
            CROSS JOIN (
                SELECT 'week' AS unit
                UNION ALL
                SELECT 'month' AS unit
            ) AS p
            GROUP BY
                u.user_id,
                u.display_name,
                p.unit,
                CASE p.unit
                    WHEN 'month' THEN CAST(date_trunc('month', DATE '1970-01-01' + m.day) AS DATE)
                    ELSE DATE '1970-01-01' + m.monday
                END
        ) AS w
        CROSS JOIN _mood_names AS n
    ) AS g
    WHERE g.listens > 0
) AS s
