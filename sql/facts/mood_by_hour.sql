-- Listens by hour, from the kept counts and the listens since.
SELECT
    user_id,
    hour,
    mood,
    listens
FROM mood_by_hour;
