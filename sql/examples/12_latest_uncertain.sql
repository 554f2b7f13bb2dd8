-- Which tracks that were played recently have an uncertain label?
SELECT
    display_name,
    played_at_ms,
    track,
    mood,
    round(CAST(p_calm AS NUMERIC), 2) AS calm,
    round(CAST(p_energetic AS NUMERIC), 2) AS energetic,
    round(CAST(p_happy AS NUMERIC), 2) AS happy,
    round(CAST(p_sad AS NUMERIC), 2) AS sad
FROM mood_history
WHERE uncertain = 1
ORDER BY played_at_ms DESC, display_name, track
LIMIT 20;
