-- How do moods change from the first to the fifth listen of a session?
SELECT
    place_in_session,
    mood,
    CAST(sum(listens) AS BIGINT) AS listens
FROM mood_by_session_place
WHERE place_in_session <= 5 AND mood <> 'Unlabelled'
GROUP BY place_in_session, mood
ORDER BY place_in_session, listens DESC, mood;
