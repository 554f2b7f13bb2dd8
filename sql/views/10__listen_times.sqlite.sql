-- Every listen with its time in UTC and in the person's local time. The other views are based on it.
CREATE VIEW _listen_times AS
SELECT
    l.*, -- noqa: AM04
    strftime('%Y-%m-%dT%H:%M:%fZ', l.played_at_ms / 1000.0, 'unixepoch') AS played_at,
    strftime('%Y-%m-%d %H:%M:%S', l.played_at_ms / 1000 + o.offset_s, 'unixepoch') AS local_time,
    date(l.played_at_ms / 1000 + o.offset_s, 'unixepoch') AS local_day,
    CAST(strftime('%H', l.played_at_ms / 1000 + o.offset_s, 'unixepoch') AS INTEGER) AS local_hour,
    CAST(strftime('%w', l.played_at_ms / 1000 + o.offset_s + 518400, 'unixepoch') AS INTEGER) + 1 AS local_weekday
FROM users AS u
-- SQLite keeps the order of a CROSS JOIN: a person's listens are read in time order, and the newest need no sorting.
CROSS JOIN listens AS l
CROSS JOIN _utc_offsets AS o
WHERE
    l.user_key = u.user_key
    AND o.timezone = u.timezone
    AND l.played_at_ms >= o.starts_at_ms
    AND l.played_at_ms < o.ends_at_ms
