-- Every answer.
SELECT
    u.user_id,
    t.track_id,
    a.answered_at_ms,
    a.answer,
    a.asked_because,
    a.shown_model
FROM mood_answers AS a
INNER JOIN users AS u ON u.user_key = a.user_key
INNER JOIN tracks AS t ON t.track_key = a.track_key;
