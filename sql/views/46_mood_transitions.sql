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
    -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
    SELECT
        e.user_id,
        e.display_name,
        e.from_mood,
        e.to_mood,
        CAST(sum(e.transitions) OVER same AS BIGINT) AS transitions,
        row_number() OVER same AS part
    FROM (
        -- The counted transitions, then those to the listens since.
        SELECT
            u.user_id,
            u.display_name,
            k.from_mood,
            k.to_mood,
            k.transitions
        FROM users AS u
        INNER JOIN _counted_transitions AS k ON u.user_key = k.user_key
        UNION ALL
        SELECT
            f.user_id,
            f.display_name,
            f.from_mood,
            f.to_mood,
            count(*) AS transitions
        FROM (
            SELECT
                n.user_id,
                n.display_name,
                CASE WHEN p.track_key IS NULL THEN a.mood ELSE p.mood END AS from_mood,
                CASE WHEN q.track_key IS NULL THEN b.mood ELSE q.mood END AS to_mood
            FROM _recent_pairs AS n
            -- Finds each label with the index: PostgreSQL expects a person's listens in every partition, and would hash
            -- all labels for them. There is one label at most; LIMIT forces this plan.
            LEFT JOIN LATERAL (
                SELECT a.mood FROM _current_moods AS a WHERE n.from_key = a.track_key
                LIMIT 1 -- noqa: AM09
            ) AS a ON TRUE
            LEFT JOIN person_labels AS p ON n.user_key = p.user_key AND n.from_key = p.track_key
            LEFT JOIN LATERAL (
                SELECT b.mood FROM _current_moods AS b WHERE n.to_key = b.track_key
                LIMIT 1 -- noqa: AM09
            ) AS b ON TRUE
            LEFT JOIN person_labels AS q ON n.user_key = q.user_key AND n.to_key = q.track_key
        ) AS f
        WHERE f.from_mood IS NOT NULL AND f.to_mood IS NOT NULL
        GROUP BY f.user_id, f.display_name, f.from_mood, f.to_mood
    ) AS e
    WINDOW same AS (PARTITION BY e.user_id, e.from_mood, e.to_mood)
) AS d
WHERE d.part = 1
