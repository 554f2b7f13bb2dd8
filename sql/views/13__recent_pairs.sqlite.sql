-- The listens that are not counted yet, each with the track of the listen before it within half an hour.
CREATE VIEW _recent_pairs AS
SELECT
    n.user_id,
    n.display_name,
    n.user_key,
    l.track_key AS from_key,
    n.track_key AS to_key
-- SQLite keeps the order of a CROSS JOIN. Without statistics it would start with moods, or read all earlier
-- listens for each listen, and take minutes.
FROM _recent_plays AS n
CROSS JOIN listens AS l
WHERE
    n.user_key = l.user_key
    AND l.played_at_ms = (
        SELECT max(x.played_at_ms) FROM listens AS x
        WHERE x.user_key = n.user_key AND x.played_at_ms < n.played_at_ms
    )
    AND n.played_at_ms - l.played_at_ms <= 1800000
