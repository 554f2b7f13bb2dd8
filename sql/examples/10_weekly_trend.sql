-- How do each person's moods change, week by week?
SELECT
    week,
    mood,
    listens,
    share
FROM mood_weekly_everybody
ORDER BY week, listens DESC, mood;
