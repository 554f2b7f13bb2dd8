-- Their listens with track and mood.
-- The columns of the view, whatever it has by now.
SELECT * -- noqa: AM04
FROM mood_history
WHERE user_id = :id
ORDER BY played_at_ms, track_id;
