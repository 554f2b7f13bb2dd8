-- One row a week (named by its Monday) and mood over all people: how many listens, and their share of that week's
-- listens (0-1). It sums by day first, which an index answers.
CREATE VIEW mood_weekly_everybody AS
SELECT
    date(d.week * 86400, 'unixepoch') AS week,
    d.mood,
    d.listens,
    CAST(round(1.0 * d.listens / sum(d.listens) OVER (PARTITION BY d.week), 4) AS DOUBLE PRECISION) AS share
FROM (
    SELECT
        b.day - (b.day + 3) % 7 AS week,
        b.mood,
        CAST(sum(b.listens) AS BIGINT) AS listens
    FROM (
        SELECT
            day,
            mood,
            sum(listens) AS listens
        FROM mood_days
        GROUP BY day, mood
    ) AS b
    GROUP BY b.day - (b.day + 3) % 7, b.mood
) AS d
