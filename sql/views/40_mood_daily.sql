-- One row per person, local day and mood ('Unlabelled' for listens without one): number of listens, and their share of
-- that day's listens (0-1). share_expected is the mean share under the model's probabilities, share_low and share_high
-- its 90% interval (a normal approximation of the Poisson-binomial distribution, with continuity correction; repeated
-- plays count as independent, which makes it too narrow where few tracks are played often).
CREATE VIEW mood_daily AS
SELECT
    s.user_id,
    s.display_name,
    DATE '1970-01-01' + s.day AS day,
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
            THEN CAST(round(CAST(least(s.mean + s.half, s.labelled) / s.all_listens AS NUMERIC), 4) AS DOUBLE PRECISION)
    END AS share_high
FROM (
    SELECT
        g.user_id,
        g.display_name,
        g.day,
        g.mood,
        g.listens,
        g.uncertain_listens,
        sum(g.listens) OVER (PARTITION BY g.user_id, g.day) AS all_listens,
        sum(CASE WHEN g.mood <> 'Unlabelled' THEN 1.0 * g.listens ELSE 0.0 END)
            OVER (PARTITION BY g.user_id, g.day) AS labelled,
        CASE WHEN g.mood <> 'Unlabelled' THEN g.expected_listens END AS mean,
        CASE WHEN g.mood <> 'Unlabelled' THEN 1.6449 * sqrt(g.listens_variance) + 0.5 END AS half
    FROM (
        SELECT
            u.user_id,
            u.display_name,
            m.day,
            m.mood,
            m.listens,
            m.uncertain_listens,
            m.expected_listens,
            m.listens_variance
        FROM day_moods AS m
        INNER JOIN users AS u ON m.user_key = u.user_key
    ) AS g
    WHERE g.listens > 0
) AS s
