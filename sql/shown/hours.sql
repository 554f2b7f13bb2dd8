-- Listens by weekday, hour and mood.
SELECT
    local_weekday,
    local_hour,
    coalesce(mood, 'Unlabelled') AS mood,
    count(*) AS listens
FROM mood_history
WHERE user_id = :user AND local_day >= :first AND local_day <= :last
GROUP BY local_weekday, local_hour, coalesce(mood, 'Unlabelled')
ORDER BY local_weekday, local_hour, mood;
