-- The totals that `moodlog status` shows.

-- name: has_totals
-- Whether there are totals.
SELECT 1 FROM listen_totals;

-- name: add_heard_tracks
-- Add tracks that have a listen.
INSERT INTO heard_tracks (track_key)
SELECT track_key FROM tracks
WHERE track_key = ANY(:ids)
ON CONFLICT (track_key) DO NOTHING;

-- name: cover_pending_listens
-- Count the listens of tracks that have new audio features and no label yet.
INSERT INTO covered_listens (user_key, source_key, listens)
SELECT
    w.user_key,
    f.source_key,
    count(*) AS listens
FROM waiting_listens AS w
INNER JOIN audio_features AS f ON w.track_key = f.track_key
WHERE w.track_key = ANY(:ids)
GROUP BY w.user_key, f.source_key
ON CONFLICT (user_key, source_key) DO UPDATE SET listens = covered_listens.listens + excluded.listens;

-- name: tracks_with_features
-- The tracks of a list that have audio features.
SELECT track_key FROM audio_features
WHERE track_key = ANY(:ids);

-- name: labelled_tracks
-- The tracks of a list that have a label by the current model.
SELECT m.track_key FROM models AS c
INNER JOIN moods AS m ON c.model_key = m.model_key
WHERE c.is_current = 1 AND m.track_key = ANY(:ids);

-- name: remove_unheard_tracks
-- Remove the tracks of a list that no longer have a listen.
DELETE FROM heard_tracks
WHERE track_key = ANY(:ids) AND track_key NOT IN (SELECT track_key FROM listens);

-- name: remove_listen_totals
-- Remove the totals, before they are counted again.
DELETE FROM listen_totals;

-- name: count_listen_totals
-- Count every listen by person and listen source.
INSERT INTO listen_totals (user_key, source_key, listens, first_played_at_ms, last_played_at_ms)
SELECT
    user_key,
    source_key,
    count(*) AS listens,
    min(played_at_ms) AS first_played_at_ms,
    max(played_at_ms) AS last_played_at_ms
FROM listens
GROUP BY user_key, source_key;

-- name: remove_covered_listens
-- Remove the totals, before they are counted again.
DELETE FROM covered_listens;

-- name: count_covered_listens
-- Count every listen by person and feature source.
INSERT INTO covered_listens (user_key, source_key, listens)
SELECT
    l.user_key,
    f.source_key,
    count(*) AS listens
FROM listens AS l
INNER JOIN audio_features AS f ON l.track_key = f.track_key
GROUP BY l.user_key, f.source_key;

-- name: remove_heard_tracks
-- Remove all played tracks, before they are found again.
DELETE FROM heard_tracks;

-- name: find_heard_tracks
-- Find every track that has a listen.
INSERT INTO heard_tracks (track_key)
SELECT DISTINCT track_key FROM listens;

-- name: totals_are_fresh
-- The totals may be used again.
DELETE FROM stale_totals;
