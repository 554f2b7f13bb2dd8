-- The totals that `moodlog status` shows.

-- name: has_totals
-- Whether there are totals.
SELECT 1 FROM _listen_totals;

-- name: add_heard_tracks
-- Add tracks that have a listen. SQLite needs WHERE before ON CONFLICT.
INSERT INTO _heard_tracks (track_key)
SELECT value FROM unnest(CAST(:ids AS INTEGER[])) AS value
WHERE TRUE
ON CONFLICT (track_key) DO NOTHING;

-- name: cover_pending_listens
-- Count the listens of tracks that have new audio features and no label yet.
INSERT INTO _covered_listens (user_key, source_key, listens)
SELECT
    w.user_key,
    f.source_key,
    count(*) AS listens
FROM _waiting_listens AS w
INNER JOIN audio_features AS f ON w.track_key = f.track_key
WHERE w.track_key = ANY(:ids)
GROUP BY w.user_key, f.source_key
ON CONFLICT (user_key, source_key) DO UPDATE SET listens = _covered_listens.listens + excluded.listens;

-- name: tracks_with_features
-- The tracks of a list that have audio features.
SELECT track_key FROM audio_features
WHERE track_key = ANY(:ids);

-- name: tracks_with_estimates
-- The tracks of a list that have estimated features.
SELECT track_key FROM estimated_features
WHERE track_key = ANY(:ids);

-- name: labelled_tracks
-- The tracks of a list that have a label by the current model.
SELECT m.track_key FROM models AS c
INNER JOIN moods AS m ON c.model_key = m.model_key
WHERE c.is_current = 1 AND m.track_key = ANY(:ids);

-- name: remove_unheard_tracks
-- Remove the tracks of a list that no longer have a listen. Listens are read once, and only those of the list are kept.
DELETE FROM _heard_tracks
WHERE
    track_key IN (
        SELECT h.track_key FROM _heard_tracks AS h
        WHERE h.track_key = ANY(:ids)
        EXCEPT
        SELECT l.track_key FROM listens AS l
        WHERE l.track_key = ANY(:ids)
    );

-- name: count_listen_totals
-- Count the listens of all or some people by person and listen source.
INSERT INTO _listen_totals (user_key, source_key, listens, first_played_at_ms, last_played_at_ms)
SELECT
    user_key,
    source_key,
    count(*) AS listens,
    min(played_at_ms) AS first_played_at_ms,
    max(played_at_ms) AS last_played_at_ms
FROM listens
WHERE
    TRUE
    /* ids: AND user_key = ANY(:ids) */
GROUP BY user_key, source_key;

-- name: count_stored_listens
-- The number of all listens; 0 while the totals must not be used.
SELECT coalesce(sum(listens), 0) FROM _listen_totals
WHERE (SELECT count(*) FROM _stale_totals) = 0;

-- name: count_covered_listens
-- Count the listens of all or some people by person and feature source.
INSERT INTO _covered_listens (user_key, source_key, listens)
SELECT
    l.user_key,
    coalesce(f.source_key, e.source_key) AS source_key,
    count(*) AS listens
FROM listens AS l
LEFT JOIN audio_features AS f ON l.track_key = f.track_key
LEFT JOIN estimated_features AS e ON l.track_key = e.track_key
WHERE
    coalesce(f.source_key, e.source_key) IS NOT NULL
    /* ids: AND l.user_key = ANY(:ids) */
GROUP BY l.user_key, coalesce(f.source_key, e.source_key);

-- name: find_heard_tracks
-- Find every track that has a listen.
INSERT INTO _heard_tracks (track_key)
SELECT DISTINCT track_key FROM listens;

-- name: reach
-- The range of each person's history by source, or of some people's; 'pending': pending plays. With the option stale,
-- every listen is counted.
WITH totals AS (
    SELECT
        user_key,
        source_key,
        listens,
        first_played_at_ms,
        last_played_at_ms
    FROM _listen_totals
    /* stale: WHERE FALSE
    UNION ALL
    SELECT
        user_key,
        source_key,
        count(*) AS listens,
        min(played_at_ms) AS first_played_at_ms,
        max(played_at_ms) AS last_played_at_ms
    FROM listens
    GROUP BY user_key, source_key */
)

SELECT
    u.user_id,
    s.source,
    t.listens,
    t.first_played_at_ms AS first_at_ms,
    t.last_played_at_ms AS last_at_ms
FROM totals AS t
INNER JOIN users AS u ON t.user_key = u.user_key
INNER JOIN sources AS s ON t.source_key = s.source_key
/* user_ids: WHERE u.user_id = ANY(:user_ids) */
UNION ALL
SELECT
    u.user_id,
    'pending' AS source,
    p.listens,
    p.first_at_ms,
    p.last_at_ms
FROM (
    SELECT
        n.user_key,
        count(*) AS listens,
        min(n.ended_at_ms) AS first_at_ms,
        max(n.ended_at_ms) AS last_at_ms
    FROM named_plays AS n
    WHERE
        n.track_key IS NULL
        /* user_ids: AND n.user_key IN (SELECT o.user_key FROM users AS o WHERE o.user_id = ANY(:user_ids)) */
    GROUP BY n.user_key
) AS p
INNER JOIN users AS u ON p.user_key = u.user_key
ORDER BY user_id, source;
