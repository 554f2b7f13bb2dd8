-- Which of the last tracks played in the week from 28 September 2026 (in UTC) have an uncertain label?
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
WHERE uncertain = 1 AND played_at_ms >= 1790553600000 AND played_at_ms < 1791158400000
ORDER BY played_at_ms DESC, display_name, track
LIMIT 20;
