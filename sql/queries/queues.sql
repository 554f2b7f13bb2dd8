-- Which tracks wait for audio features, and which for a label: two tables that loads keep up, so that no run reads all
-- tracks to find them.

-- name: queue_for_features
-- Add those of some new or changed tracks that have no features. The order prevents a deadlock of two loads.
INSERT INTO _feature_queue (track_key, due_at_ms)
SELECT
    t.track_key,
    0 AS due_at_ms
FROM tracks AS t
WHERE
    t.track_id = ANY(:ids)
    AND NOT EXISTS (SELECT 1 FROM audio_features AS f WHERE f.track_key = t.track_key)
ORDER BY t.track_key
ON CONFLICT (track_key) DO UPDATE SET due_at_ms = 0;

-- name: queue_again
-- The misses of some tracks have changed.
UPDATE _feature_queue SET due_at_ms = 0
WHERE track_key = ANY(:ids) AND due_at_ms <> 0;

-- name: fill_feature_queue
-- Find every track without features.
INSERT INTO _feature_queue (track_key, due_at_ms)
SELECT
    t.track_key,
    0 AS due_at_ms
FROM tracks AS t
WHERE NOT EXISTS (SELECT 1 FROM audio_features AS f WHERE f.track_key = t.track_key);

-- name: feature_queue_rules
-- What the times in the queue were computed for.
SELECT rules FROM _feature_queue_rules;

-- name: set_feature_queue_rules
-- Record what the times in the queue are computed for.
INSERT INTO _feature_queue_rules (rules) VALUES (:rules);

-- name: reset_feature_queue
-- No time in the queue is known.
UPDATE _feature_queue SET due_at_ms = 0
WHERE due_at_ms <> 0;

-- name: set_next_tries
-- Compute the time of the next try for the due tracks that can never have features, and for those of which each of
-- :sources has a recent miss or is unavailable. How long a miss is recent depends on the number of misses;
-- /* when_misses */ is replaced by the waits after the first ones. A time after :latest comes from a wrong clock.
UPDATE _feature_queue SET due_at_ms = n.due_at_ms
FROM (
    SELECT
        x.track_key,
        CASE WHEN count(CASE WHEN x.source = 'any' THEN 1 END) > 0 THEN :never ELSE min(x.until_ms) END AS due_at_ms
    FROM (
        SELECT
            q.track_key,
            s.source,
            CASE
                WHEN s.source = 'any' THEN CASE WHEN t.kind <> 'track' OR t.track_id LIKE '%:%' THEN :never END
                WHEN m.reason = 'not_a_track' OR (m.reason = 'no_isrc' AND t.isrc IS NOT NULL) THEN NULL
                WHEN m.reason = 'no_spotify_id' THEN :never
                WHEN m.last_missed_at_ms <= :until
                    THEN m.last_missed_at_ms + CASE m.misses WHEN 0 THEN :wait /* when_misses */ ELSE :wait END
            END AS until_ms
        FROM _feature_queue AS q
        INNER JOIN tracks AS t ON q.track_key = t.track_key
        INNER JOIN feature_misses AS m ON q.track_key = m.track_key
        INNER JOIN sources AS s ON m.source_key = s.source_key
        WHERE
            (q.due_at_ms <= :now OR (q.due_at_ms > :latest AND q.due_at_ms < :never))
            AND (s.source = 'any' OR s.source = ANY(:sources))
    ) AS x
    WHERE x.until_ms > :now
    GROUP BY x.track_key
    HAVING count(CASE WHEN x.source = 'any' THEN 1 END) > 0 OR count(*) = :count
) AS n
WHERE _feature_queue.track_key = n.track_key;

-- name: free_features
-- The next tracks that nobody has leased for their features, those first that wait longest.
SELECT track_key FROM _feature_queue
WHERE lease_id IS NULL AND due_at_ms <= :due
ORDER BY due_at_ms, track_key
LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: free_labels
-- The next tracks that nobody has leased for a label.
SELECT track_key FROM _label_queue
WHERE lease_id IS NULL
ORDER BY track_key
LIMIT :most
FOR UPDATE SKIP LOCKED;

-- name: count_free_features
-- The number of tracks that nobody has leased for their features, counted up to a maximum.
SELECT count(*) FROM (
    SELECT 1 AS one FROM _feature_queue
    WHERE lease_id IS NULL AND due_at_ms <= :due
    ORDER BY due_at_ms
    LIMIT :most
) AS waiting;

-- name: count_free_labels
-- The number of tracks that nobody has leased for a label, counted up to a maximum.
SELECT count(*) FROM (
    SELECT 1 AS one FROM _label_queue
    WHERE lease_id IS NULL
    ORDER BY track_key
    LIMIT :most
) AS waiting;

-- name: queue_for_labels
-- Add the tracks whose features the current model of their class has not labelled: all, or some.
INSERT INTO _label_queue (track_key)
SELECT f.track_key FROM audio_features AS f
WHERE
    NOT EXISTS (
        SELECT 1 FROM models AS c
        INNER JOIN moods AS m ON c.model_key = m.model_key
        WHERE c.is_current = 1 AND c.estimated = 0 AND m.track_key = f.track_key
    )
    /* tracks: AND f.track_key = ANY(:ids) */
UNION ALL
SELECT e.track_key FROM estimated_features AS e
WHERE
    NOT EXISTS (SELECT 1 FROM audio_features AS f WHERE f.track_key = e.track_key)
    AND NOT EXISTS (
        SELECT 1 FROM models AS c
        INNER JOIN moods AS m ON c.model_key = m.model_key
        WHERE c.is_current = 1 AND c.estimated = 1 AND m.track_key = e.track_key
    )
    /* tracks: AND e.track_key = ANY(:ids) */;

-- name: is_feature_queue_right
-- Whether exactly the tracks without features wait for them.
SELECT NOT EXISTS (
    SELECT 1 FROM tracks AS t
    LEFT JOIN audio_features AS f ON t.track_key = f.track_key
    LEFT JOIN _feature_queue AS q ON t.track_key = q.track_key
    WHERE (f.track_key IS NULL) <> (q.track_key IS NOT NULL)
);

-- name: is_label_queue_right
-- Whether exactly the tracks whose features the current model has not labelled wait for a label.
SELECT NOT EXISTS (
    SELECT 1 FROM tracks AS t
    LEFT JOIN audio_features AS f ON t.track_key = f.track_key
    LEFT JOIN estimated_features AS e ON t.track_key = e.track_key
    LEFT JOIN models AS c ON c.is_current = 1 AND c.estimated = CASE WHEN f.track_key IS NULL THEN 1 ELSE 0 END
    LEFT JOIN moods AS m ON c.model_key = m.model_key AND t.track_key = m.track_key
    LEFT JOIN _label_queue AS q ON t.track_key = q.track_key
    WHERE
        (coalesce(f.track_key, e.track_key) IS NOT NULL AND m.track_key IS NULL) <> (q.track_key IS NOT NULL)
);
