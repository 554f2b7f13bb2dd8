-- The person's answers about the moods of tracks.
SELECT
    u.user_id,
    t.track_id,
    t.name AS track,
    t.artists,
    a.answered_at_ms,
    a.answer,
    a.asked_because,
    a.shown_model
FROM mood_answers AS a
INNER JOIN users AS u ON a.user_key = u.user_key
INNER JOIN tracks AS t ON a.track_key = t.track_key
WHERE u.user_id = :id
ORDER BY a.answered_at_ms, t.track_id;
