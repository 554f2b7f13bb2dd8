-- Every listen.
SELECT
    u.user_id,
    l.played_at_ms,
    t.track_id,
    l.ms_played,
    s.source,
    l.skipped,
    l.shuffle,
    r.reason_end
FROM listens AS l
INNER JOIN users AS u ON u.user_key = l.user_key
INNER JOIN tracks AS t ON t.track_key = l.track_key
INNER JOIN sources AS s ON s.source_key = l.source_key
LEFT JOIN end_reasons AS r ON r.reason_key = l.reason_key;
