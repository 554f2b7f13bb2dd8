-- What were the longest streaks of days with the same leading mood?
SELECT
    display_name,
    mood,
    first_day,
    last_day,
    days
FROM mood_streaks
ORDER BY days DESC, display_name, first_day
LIMIT 10;
