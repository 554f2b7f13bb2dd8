-- One row a person, week (named by its Monday) and mood ('Unlabelled' for listens without one): how many listens, and
-- their share of that week's listens (0-1).
CREATE VIEW mood_weekly AS
SELECT
    d.user_id,
    d.display_name,
    date(d.week * 86400, 'unixepoch') AS week,
    d.mood,
    d.listens,
    d.uncertain_listens,
    CAST(round(1.0 * d.listens / sum(d.listens) OVER (PARTITION BY d.user_id, d.week), 4) AS DOUBLE PRECISION) AS share
FROM (
    SELECT
        u.user_id,
        u.display_name,
        m.day - (m.day + 3) % 7 AS week,
        m.mood,
        CAST(sum(m.listens) AS BIGINT) AS listens,
        CAST(sum(m.uncertain_listens) AS BIGINT) AS uncertain_listens
    FROM day_moods AS m
    INNER JOIN users AS u ON m.user_key = u.user_key
    GROUP BY u.user_id, u.display_name, m.day - (m.day + 3) % 7, m.mood
) AS d
