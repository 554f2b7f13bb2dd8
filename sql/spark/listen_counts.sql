-- Spark SQL: the number of listens by week (its Monday), hour of the day, mood and feature source. Few rows, from which
-- the statistics are added up.
WITH local_listens AS (
    SELECT /*+ BROADCAST(o) */
        e.user_id,
        e.track_id,
        e.played_at_ms DIV 1000 + o.offset_s AS local_s
    FROM heard AS e
    LEFT JOIN people AS p ON e.user_id = p.user_id
    INNER JOIN utc_offsets AS o
        ON
            o.timezone = coalesce(p.timezone, 'UTC')
            AND e.played_at_ms >= o.starts_at_ms
            AND e.played_at_ms < o.ends_at_ms
),

counted AS (
    SELECT
        l.user_id,
        l.track_id,
        l.local_s DIV 86400 - (l.local_s DIV 86400 + 3) % 7 AS week,
        l.local_s % 86400 DIV 3600 AS hour,
        count(*) AS listens
    FROM local_listens AS l
    GROUP BY
        l.user_id,
        l.track_id,
        l.local_s DIV 86400 - (l.local_s DIV 86400 + 3) % 7,
        l.local_s % 86400 DIV 3600
)

SELECT
    c.week,
    c.hour,
    coalesce(CASE WHEN w.track_id IS NULL THEN m.mood ELSE w.mood END, 'Unlabelled') AS mood,
    coalesce(s.feature_source, 'none') AS feature_source,
    sum(c.listens) AS listens
FROM counted AS c
LEFT JOIN own_labels AS w ON c.user_id = w.user_id AND c.track_id = w.track_id
LEFT JOIN labels AS m ON c.track_id = m.track_id
LEFT JOIN sources AS s ON c.track_id = s.track_id
GROUP BY
    c.week,
    c.hour,
    coalesce(CASE WHEN w.track_id IS NULL THEN m.mood ELSE w.mood END, 'Unlabelled'),
    coalesce(s.feature_source, 'none');
