-- Spark SQL: the view `mood_weekly_everybody`.
SELECT
    date_format(date_add(DATE '1970-01-01', CAST(w.week AS INT)), 'yyyy-MM-dd') AS week,
    w.mood,
    w.listens,
    CAST(
        round(CAST(w.listens AS DECIMAL(18, 0)) / sum(w.listens) OVER (PARTITION BY w.week), 4) AS DOUBLE
    ) AS share
FROM (
    SELECT
        c.week,
        c.mood,
        sum(c.listens) AS listens
    FROM listen_counts AS c
    GROUP BY c.week, c.mood
) AS w
ORDER BY w.week, w.mood;
