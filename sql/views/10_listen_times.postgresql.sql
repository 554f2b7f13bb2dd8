-- Every listen with its time in UTC and on the person's own clock. The ground the other views stand on.
CREATE VIEW listen_times AS
SELECT
    l.user_key,
    l.track_key,
    l.source_key,
    l.ms_played,
    l.played_at_ms,
    to_timestamp(l.played_at_ms / 1000.0) AS played_at,
    (to_timestamp(l.played_at_ms / 1000 + o.offset_s) AT TIME ZONE 'UTC') AS local_time,
    (to_timestamp(l.played_at_ms / 1000 + o.offset_s) AT TIME ZONE 'UTC')::date AS local_day,
    extract(HOUR FROM to_timestamp(l.played_at_ms / 1000 + o.offset_s) AT TIME ZONE 'UTC')::integer AS local_hour,
    extract(ISODOW FROM to_timestamp(l.played_at_ms / 1000 + o.offset_s) AT TIME ZONE 'UTC')::integer AS local_weekday
FROM listens AS l
INNER JOIN users AS u ON l.user_key = u.user_key
INNER JOIN utc_offsets AS o
    ON u.timezone = o.timezone AND l.played_at_ms >= o.starts_at_ms AND l.played_at_ms < o.ends_at_ms
