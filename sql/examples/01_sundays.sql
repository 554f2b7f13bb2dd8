-- What did people feel like on Sundays?
SELECT
    display_name,
    mood,
    count(*) AS listens
FROM mood_history
WHERE local_weekday = 7 AND mood IS NOT NULL
GROUP BY display_name, mood
ORDER BY display_name, listens DESC, mood;
