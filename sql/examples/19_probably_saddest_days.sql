-- On which days was the most music probably Sad, and how certain is that (90% interval)?
SELECT
    display_name,
    day,
    share_expected,
    share_low,
    share_high
FROM mood_daily_expected
WHERE mood = 'Sad'
ORDER BY share_expected DESC, display_name, day
LIMIT 10;
