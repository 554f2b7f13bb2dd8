-- Which were the longest sessions?
SELECT
    display_name,
    local_day,
    local_hour,
    minutes,
    listens
FROM sessions
ORDER BY minutes DESC, display_name, local_day, local_hour
LIMIT 5;
