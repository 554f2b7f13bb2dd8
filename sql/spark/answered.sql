-- Spark SQL: the labels from people's latest answers. The first of two moods leads; mood is NULL for none of the moods.
SELECT
    a.user_id,
    a.track_id,
    CASE WHEN a.answer <> 'none' THEN split_part(a.answer, '|', 1) END AS mood
FROM (
    SELECT
        m.user_id,
        m.track_id,
        max_by(m.answer, struct(m.answered_at, m.answer)) AS answer
    FROM mood_answers AS m
    LEFT JOIN kept_out AS k ON m.user_id = k.user_id
    WHERE k.user_id IS NULL OR m.batch >= k.before_batch
    GROUP BY m.user_id, m.track_id
) AS a
WHERE a.answer <> 'undone';
