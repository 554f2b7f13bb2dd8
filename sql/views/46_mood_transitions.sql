-- One row a person and pair of moods that followed each other: how often a listen of from_mood was followed by one of
-- to_mood within half an hour, and the share of that among what followed from_mood (0-1).
CREATE VIEW mood_transitions AS
WITH followed AS (
    SELECT
        u.user_id,
        u.display_name,
        m.mood AS from_mood,
        lead(m.mood) OVER (PARTITION BY u.user_id ORDER BY l.played_at_ms, t.track_id) AS to_mood,
        l.played_at_ms,
        lead(l.played_at_ms) OVER (PARTITION BY u.user_id ORDER BY l.played_at_ms, t.track_id) AS next_at_ms
    FROM users AS u
    INNER JOIN listens AS l ON u.user_key = l.user_key
    INNER JOIN tracks AS t ON l.track_key = t.track_key
    LEFT JOIN models AS c ON c.is_current = 1
    LEFT JOIN moods AS m ON m.model_key = c.model_key AND l.track_key = m.track_key
)

SELECT
    d.user_id,
    d.display_name,
    d.from_mood,
    d.to_mood,
    d.transitions,
    CAST(
        round(1.0 * d.transitions / sum(d.transitions) OVER (PARTITION BY d.user_id, d.from_mood), 4)
        AS DOUBLE PRECISION
    ) AS share
FROM (
    SELECT
        user_id,
        display_name,
        from_mood,
        to_mood,
        count(*) AS transitions
    FROM followed
    WHERE from_mood IS NOT NULL AND to_mood IS NOT NULL AND next_at_ms - played_at_ms <= 1800000
    GROUP BY user_id, display_name, from_mood, to_mood
) AS d
