-- One row per person and pair of moods: how often a listen of from_mood was followed by one of to_mood within half an
-- hour, and its share of all listens that followed from_mood (0-1).
CREATE VIEW mood_transitions AS
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
        u.user_id,
        u.display_name,
        a.mood AS from_mood,
        b.mood AS to_mood,
        count(*) AS transitions
    -- SQLite keeps the order of a CROSS JOIN. Without statistics it would start with moods, or read all earlier listens
    -- for each listen, and take minutes.
    FROM users AS u
    CROSS JOIN listens AS l
    CROSS JOIN listens AS n
    CROSS JOIN moods AS a
    CROSS JOIN moods AS b
    WHERE
        u.user_key = l.user_key
        AND l.user_key = n.user_key
        AND n.played_at_ms = (
            SELECT min(x.played_at_ms) FROM listens AS x
            WHERE x.user_key = l.user_key AND x.played_at_ms > l.played_at_ms
        )
        AND n.played_at_ms - l.played_at_ms <= 1800000
        AND a.model_key IN (
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
        )
        AND l.track_key = a.track_key
        AND b.model_key IN (
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
        )
        AND n.track_key = b.track_key
    GROUP BY u.user_id, u.display_name, a.mood, b.mood
) AS d
