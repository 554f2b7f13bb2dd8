-- What did people feel like on Sundays?
SELECT
    display_name,
    mood,
    listens
FROM mood_by_weekday
WHERE weekday = 7 AND mood <> 'Unlabelled'
ORDER BY display_name, listens DESC, mood;
