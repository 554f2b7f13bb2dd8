-- What were the longest runs of days that one mood led?
SELECT
    display_name,
    mood,
    first_day,
    last_day,
    days
FROM mood_streaks
ORDER BY days DESC, display_name, first_day
LIMIT 10;
