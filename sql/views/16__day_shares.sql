-- One row per person, local day and mood that has a listen or is expected: what mood_daily and mood_daily_expected
-- show. mean and half are the middle and half the width of the 90% interval of the number of listens: a normal
-- approximation of the Poisson-binomial distribution, with continuity correction.
CREATE VIEW _day_shares AS
SELECT
    g.user_id,
    g.display_name,
    DATE '1970-01-01' + g.day AS day,
    g.mood,
    g.listens,
    g.uncertain_listens,
    g.all_listens,
    g.labelled,
    g.mean,
    CAST(round(CAST(g.mean / g.all_listens AS NUMERIC), 4) AS DOUBLE PRECISION) AS share_expected,
    -- greatest and least ignore NULL on PostgreSQL.
    CASE
        WHEN g.mood <> 'Unlabelled'
            THEN CAST(round(CAST(greatest(g.mean - g.half, 0.0) / g.all_listens AS NUMERIC), 4) AS DOUBLE PRECISION)
    END AS share_low,
    CASE
        WHEN g.mood <> 'Unlabelled'
            THEN CAST(
                round(CAST(least(g.mean + g.half, 1.0 * g.labelled) / g.all_listens AS NUMERIC), 4)
                AS DOUBLE PRECISION
            )
    END AS share_high
FROM (
    SELECT
        u.user_id,
        u.display_name,
        m.day,
        m.mood,
        m.listens,
        m.uncertain_listens,
        m.all_listens,
        m.labelled,
        CASE WHEN m.mood <> 'Unlabelled' THEN m.expected_listens END AS mean,
        CASE WHEN m.mood <> 'Unlabelled' THEN 1.6449 * sqrt(m.listens_variance) + 0.5 END AS half
    FROM _mood_days_by_mood AS m
    INNER JOIN users AS u ON m.user_key = u.user_key
) AS g
