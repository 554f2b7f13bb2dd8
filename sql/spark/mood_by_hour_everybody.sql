-- Spark SQL: the view `mood_by_hour`, added up over all people.
SELECT
    h.hour,
    h.mood,
    h.listens,
    CAST(
        round(CAST(h.listens AS DECIMAL(18, 0)) / sum(h.listens) OVER (PARTITION BY h.hour), 4) AS DOUBLE
    ) AS share
FROM (
    SELECT
        c.hour,
        c.mood,
        sum(c.listens) AS listens
    FROM listen_counts AS c
    GROUP BY c.hour, c.mood
) AS h
ORDER BY h.hour, h.mood;
