-- Spark SQL: the listens, each once. Listens are the only large table: they are sent to other tasks once, by track,
-- where repeated ones meet each other and the label of the track.
SELECT DISTINCT
    e.user_id,
    e.played_at_ms,
    e.track_id
FROM (
    SELECT /*+ REPARTITION(track_id) */
        user_id,
        played_at_ms,
        track_id
    FROM heard
) AS e;
