-- Seconds of music by day: the played time, or the track's length where only that is known. timed counts such listens.
SELECT
    h.local_day AS day,
    CAST(sum(coalesce(h.ms_played, t.duration_ms)) / 1000.0 AS DOUBLE PRECISION) AS seconds,
    count(coalesce(h.ms_played, t.duration_ms)) AS timed
FROM mood_history AS h
INNER JOIN tracks AS t ON h.track_id = t.track_id
WHERE h.user_id = :user AND h.local_day >= :first AND h.local_day <= :last
GROUP BY h.local_day
ORDER BY h.local_day;
