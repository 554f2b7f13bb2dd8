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
        u.user_id,
        u.display_name,
        CAST((l.played_at_ms / 1000 + o.offset_s) / 3600 % 24 AS INTEGER) AS hour,
        coalesce(m.mood, 'Unlabelled') AS mood,
        count(*) AS listens
    FROM users AS u
    INNER JOIN listens AS l ON u.user_key = l.user_key
    INNER JOIN utc_offsets AS o
        ON u.timezone = o.timezone AND l.played_at_ms >= o.starts_at_ms AND l.played_at_ms < o.ends_at_ms
    LEFT JOIN models AS c ON c.is_current = 1
    LEFT JOIN moods AS m ON m.model_key = c.model_key AND l.track_key = m.track_key
    GROUP BY
        u.user_id,
        u.display_name,
        CAST((l.played_at_ms / 1000 + o.offset_s) / 3600 % 24 AS INTEGER),
        coalesce(m.mood, 'Unlabelled')
) AS d
