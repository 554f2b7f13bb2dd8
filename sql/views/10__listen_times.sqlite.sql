-- Every listen with its time in UTC and in the person's local time. The other views are based on it. Local times are
-- computed only where a query reads them.
CREATE VIEW _listen_times AS
SELECT
    l.*, -- noqa: AM04
    strftime('%Y-%m-%dT%H:%M:%fZ', l.played_at_ms / 1000.0, 'unixepoch') AS played_at,
    strftime('%Y-%m-%d %H:%M:%S', l.local_s, 'unixepoch') AS local_time,
    date(l.local_s, 'unixepoch') AS local_day,
    CAST(strftime('%H', l.local_s, 'unixepoch') AS INTEGER) AS local_hour,
    CAST(strftime('%w', l.local_s + 518400, 'unixepoch') AS INTEGER) + 1 AS local_weekday
FROM (
    SELECT
        h.*, -- noqa: AM04
        -- Finds the period of this listen with the index; a join would read all earlier periods of the zone.
        h.played_at_ms / 1000 + (
            SELECT o.offset_s FROM _utc_offsets AS o
            WHERE o.timezone = u.timezone AND o.starts_at_ms <= h.played_at_ms
            ORDER BY o.starts_at_ms DESC
            LIMIT 1
        ) AS local_s
    FROM users AS u
    -- SQLite keeps the order of a CROSS JOIN: a person's listens are read in time order, and the newest are not sorted.
    CROSS JOIN listens AS h
    WHERE h.user_key = u.user_key
) AS l
