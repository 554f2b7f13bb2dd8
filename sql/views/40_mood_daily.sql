-- One row a person, local day and mood ('Unlabelled' for listens without one): how many listens, and their share of
-- that day's listens (0-1).
CREATE VIEW mood_daily AS
WITH counted AS (
    SELECT
        l.user_key,
        l.local_day,
        coalesce(m.mood, 'Unlabelled') AS mood,
        count(*) AS listens,
        sum(coalesce(m.uncertain, 0)) AS uncertain_listens
    FROM listen_times AS l
    LEFT JOIN models AS c ON c.is_current = 1
    LEFT JOIN moods AS m ON m.model_key = c.model_key AND l.track_key = m.track_key
    GROUP BY l.user_key, l.local_day, coalesce(m.mood, 'Unlabelled')
)

SELECT
    u.user_id,
    u.display_name,
    d.local_day AS day,
    d.mood,
    d.listens,
    d.uncertain_listens,
    CAST(
        round(1.0 * d.listens / sum(d.listens) OVER (PARTITION BY d.user_key, d.local_day), 4) AS DOUBLE PRECISION
    ) AS share
FROM counted AS d
INNER JOIN users AS u ON d.user_key = u.user_key
