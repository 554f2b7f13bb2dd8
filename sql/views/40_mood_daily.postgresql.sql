-- One row a person, local day and mood ('Unlabelled' for listens without one): how many listens, and their share of
-- that day's listens (0-1).
CREATE VIEW mood_daily AS
SELECT
    u.user_id,
    u.display_name,
    DATE '1970-01-01' + d.day AS day,
    d.mood,
    d.listens,
    d.uncertain_listens,
    CAST(
        round(1.0 * d.listens / sum(d.listens) OVER (PARTITION BY u.user_id, d.day), 4) AS DOUBLE PRECISION
    ) AS share
FROM day_moods AS d
INNER JOIN users AS u ON d.user_key = u.user_key
