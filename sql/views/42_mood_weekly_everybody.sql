-- One row per week (the date of its Monday) and mood over all people: number of listens, and their share of that week's
-- listens (0-1).
CREATE VIEW mood_weekly_everybody AS
SELECT
    DATE '1970-01-01' + d.week AS week,
    d.mood,
    d.listens,
    CAST(round(1.0 * d.listens / sum(d.listens) OVER (PARTITION BY d.week), 4) AS DOUBLE PRECISION) AS share
FROM (
    SELECT
        w.week,
        n.mood,
        CASE n.mood
            WHEN 'Calm' THEN w.calm
            WHEN 'Energetic' THEN w.energetic
            WHEN 'Happy' THEN w.happy
            WHEN 'Sad' THEN w.sad
            ELSE w.unlabelled
        END AS listens
    FROM (
        -- From the days, not from _period_moods, which groups by person: of many people that is far more rows.
        SELECT
            m.day - (m.day + 3) % 7 AS week,
            CAST(sum(m.calm) AS BIGINT) AS calm,
            CAST(sum(m.energetic) AS BIGINT) AS energetic,
            CAST(sum(m.happy) AS BIGINT) AS happy,
            CAST(sum(m.sad) AS BIGINT) AS sad,
            CAST(sum(m.unlabelled) AS BIGINT) AS unlabelled
        FROM _mood_days AS m
        GROUP BY m.day - (m.day + 3) % 7
    ) AS w
    CROSS JOIN _mood_names AS n
) AS d
WHERE d.listens > 0
