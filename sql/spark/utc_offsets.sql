-- Spark SQL: the offsets from UTC by time zone and `month`, 30 days: a listen is compared with one or two periods, not
-- with all 91 of its zone. The first month has all time before 2000, the last one all time after 2045.
SELECT
    p.timezone,
    p.starts_at_ms,
    p.ends_at_ms,
    p.offset_s,
    explode(
        sequence(
            least(greatest(p.starts_at_ms DIV 2592000000, 365), 914),
            least(greatest((p.ends_at_ms - 1) DIV 2592000000, 365), 914)
        )
    ) AS month
FROM utc_periods AS p;
