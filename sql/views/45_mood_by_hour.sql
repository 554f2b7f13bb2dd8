-- One row a person, hour of the day (0-23, on the person's own clock) and mood ('Unlabelled' for listens without one):
-- how many listens, and their share of that hour's listens (0-1).
CREATE VIEW mood_by_hour AS
SELECT
    d.user_id,
    d.display_name,
    d.hour,
    d.mood,
    d.listens,
    CAST(
        round(1.0 * d.listens / sum(d.listens) OVER (PARTITION BY d.user_id, d.hour), 4) AS DOUBLE PRECISION
    ) AS share
FROM (
    SELECT
        h.user_id,
        h.display_name,
        h.hour,
        coalesce(m.mood, 'Unlabelled') AS mood,
        count(*) AS listens
    FROM (
        SELECT
            u.user_id,
            u.display_name,
            l.track_key,
            CAST((l.played_at_ms / 1000 + (
                SELECT o.offset_s FROM utc_offsets AS o
                WHERE o.timezone = u.timezone AND o.starts_at_ms <= l.played_at_ms
                ORDER BY o.starts_at_ms DESC
                LIMIT 1
            )) / 3600 % 24 AS INTEGER) AS hour
        FROM users AS u
        INNER JOIN listens AS l ON u.user_key = l.user_key
    ) AS h
    LEFT JOIN models AS c ON c.is_current = 1
    LEFT JOIN moods AS m ON m.model_key = c.model_key AND h.track_key = m.track_key
    GROUP BY h.user_id, h.display_name, h.hour, coalesce(m.mood, 'Unlabelled')
) AS d
