-- A later miss counts once more; the same one again changes nothing. One that stands more than a day (86,400,000 ms)
-- later than what comes after it was dated by a clock that was wrong.
INSERT INTO feature_misses (track_key, source_key, reason, misses, first_missed_at_ms, last_missed_at_ms)
/* rows */
ON CONFLICT (track_key, source_key) DO UPDATE SET
    reason = excluded.reason,
    misses = feature_misses.misses + 1,
    last_missed_at_ms = excluded.last_missed_at_ms
WHERE excluded.last_missed_at_ms > feature_misses.last_missed_at_ms
    OR excluded.last_missed_at_ms < feature_misses.last_missed_at_ms - 86400000
