-- How do everybody's moods develop, week by week?
SELECT
    week,
    mood,
    listens,
    share
FROM mood_weekly_everybody
ORDER BY week, listens DESC, mood;
