-- Every listen with its time in UTC and in the person's local time. The other views are based on it.
CREATE VIEW _listen_times AS
SELECT
    l.*, -- noqa: AM04
    to_timestamp(l.played_at_ms / 1000.0) AS played_at,
    (to_timestamp(l.played_at_ms / 1000 + o.offset_s) AT TIME ZONE 'UTC') AS local_time,
    (to_timestamp(l.played_at_ms / 1000 + o.offset_s) AT TIME ZONE 'UTC')::date AS local_day,
    extract(HOUR FROM to_timestamp(l.played_at_ms / 1000 + o.offset_s) AT TIME ZONE 'UTC')::integer AS local_hour,
    extract(ISODOW FROM to_timestamp(l.played_at_ms / 1000 + o.offset_s) AT TIME ZONE 'UTC')::integer AS local_weekday
FROM listens AS l
INNER JOIN users AS u ON l.user_key = u.user_key
-- Finds the period of this listen with the index, instead of reading all periods of the zone.
CROSS JOIN LATERAL (
    SELECT p.offset_s FROM _utc_offsets AS p
    WHERE p.timezone = u.timezone AND p.starts_at_ms <= l.played_at_ms
    ORDER BY p.starts_at_ms DESC
    LIMIT 1
) AS o
