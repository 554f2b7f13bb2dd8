-- What do people play in the morning (5 to 11 o'clock) and in the evening (18 to 23 o'clock)?
SELECT
    display_name,
    CASE WHEN hour < 12 THEN 'morning' ELSE 'evening' END AS part_of_day,
    mood,
    CAST(sum(listens) AS BIGINT) AS listens
FROM mood_by_hour
WHERE hour BETWEEN 5 AND 11 OR hour BETWEEN 18 AND 23
GROUP BY display_name, CASE WHEN hour < 12 THEN 'morning' ELSE 'evening' END, mood
ORDER BY display_name, part_of_day, listens DESC, mood;
