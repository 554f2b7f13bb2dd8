-- One row per person, weekday (1 for Monday to 7 for Sunday, in the person's local time) and mood ('Unlabelled' for
-- listens without one): number of listens, and their share of that weekday's listens (0-1).
CREATE VIEW mood_by_weekday AS
SELECT
    d.user_id,
    d.display_name,
    d.weekday,
    d.mood,
    d.listens,
    CAST(
        round(1.0 * d.listens / sum(d.listens) OVER (PARTITION BY d.user_id, d.weekday), 4) AS DOUBLE PRECISION
    ) AS share
FROM (
    SELECT
        u.user_id,
        u.display_name,
        (m.day + 3) % 7 + 1 AS weekday,
        m.mood,
        CAST(sum(m.listens) AS BIGINT) AS listens
    FROM _mood_days_by_mood AS m
    INNER JOIN users AS u ON m.user_key = u.user_key
    WHERE m.listens > 0
    GROUP BY u.user_id, u.display_name, (m.day + 3) % 7 + 1, m.mood
) AS d
