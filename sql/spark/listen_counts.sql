-- Spark SQL: the number of listens by week (its Monday), hour of the day, mood and feature source. Few rows, from which
-- the statistics are added up. `once` has each listen once.
WITH local_listens AS (
    SELECT /*+ BROADCAST(o) */
        e.user_id,
        e.track_id,
        e.played_at_ms DIV 1000 + o.offset_s AS local_s
    FROM once AS e
    LEFT JOIN people AS p ON e.user_id = p.user_id
    INNER JOIN utc_offsets AS o
        ON
            o.timezone = coalesce(p.timezone, 'UTC')
            AND o.month = least(greatest(e.played_at_ms DIV 2592000000, 365), 914)
            AND e.played_at_ms >= o.starts_at_ms
            AND e.played_at_ms < o.ends_at_ms
),

labelled AS (
    SELECT
        l.local_s DIV 86400 - (l.local_s DIV 86400 + 3) % 7 AS week,
        l.local_s % 86400 DIV 3600 AS hour,
        coalesce(CASE WHEN w.track_id IS NULL THEN m.mood ELSE w.mood END, 'Unlabelled') AS mood,
        coalesce(s.feature_source, 'none') AS feature_source
    FROM local_listens AS l
    LEFT JOIN own_labels AS w ON l.user_id = w.user_id AND l.track_id = w.track_id
    LEFT JOIN labels AS m ON l.track_id = m.track_id
    LEFT JOIN sources AS s ON l.track_id = s.track_id
)

SELECT
    week,
    hour,
    mood,
    feature_source,
    count(*) AS listens
FROM labelled
GROUP BY week, hour, mood, feature_source;
