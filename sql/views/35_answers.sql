-- Every answer of a person about the mood of a track. is_latest is 1 for the answer that counts: it is the label of all
-- the person's listens of the track, unless it is undone.
CREATE VIEW answers AS
SELECT
    u.user_id,
    u.display_name,
    t.track_id,
    t.name AS track,
    t.artists,
    a.answer,
    a.asked_because,
    a.answered_at_ms,
    a.shown_model,
    CASE
        WHEN EXISTS (
            SELECT 1 FROM mood_answers AS n
            WHERE
                n.user_key = a.user_key
                AND n.track_key = a.track_key
                AND (
                    n.answered_at_ms > a.answered_at_ms
                    OR (n.answered_at_ms = a.answered_at_ms AND n.answer > a.answer)
                )
        ) THEN 0
        ELSE 1
    END AS is_latest
FROM mood_answers AS a
INNER JOIN users AS u ON a.user_key = u.user_key
INNER JOIN tracks AS t ON a.track_key = t.track_key
