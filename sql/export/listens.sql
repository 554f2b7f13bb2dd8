-- The person's listens with track and mood.
-- All columns that the view has now.
SELECT * -- noqa: AM04
FROM mood_history
WHERE user_id = :id
ORDER BY played_at_ms, track_id;
