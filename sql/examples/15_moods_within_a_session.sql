-- How do moods change from the first to the fifth listen of a session?
SELECT
    place_in_session,
    mood,
    count(*) AS listens
FROM listen_sessions
WHERE place_in_session <= 5 AND mood IS NOT NULL
GROUP BY place_in_session, mood
ORDER BY place_in_session, listens DESC, mood;
