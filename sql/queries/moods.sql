-- Labels and their models: tracks without a label, and the current model, whose labels the views show.

-- name: set_model_weights
-- Record the weights of a model version, once.
UPDATE models SET weights_sha256 = :weights
WHERE model_version = :id AND weights_sha256 IS NULL;

-- name: model_weights
-- The weights of a model version.
SELECT weights_sha256 FROM models
WHERE model_version = :id;

-- name: current_model
-- The key of the current model for exact features.
SELECT model_key FROM models
WHERE is_current = 1 AND estimated = 0;

-- name: current_models
-- The keys of the current models, one for each class of features.
SELECT model_key FROM models
WHERE is_current = 1;

-- name: hide_labels
-- Show the labels of no model of a class of features.
UPDATE models SET is_current = 0
WHERE is_current = 1 AND estimated = :estimated;

-- name: show_newest_labels
-- Show the labels of the model of a class of features that labelled last.
UPDATE models SET is_current = 1
WHERE
    model_key = (
        SELECT m.model_key FROM moods AS m
        INNER JOIN models AS c ON m.model_key = c.model_key
        WHERE c.estimated = :estimated
        GROUP BY m.model_key
        ORDER BY max(m.labelled_at_ms) DESC, m.model_key DESC
        LIMIT 1
    );

-- name: has_current_labels
-- Whether the current model of a class of features has labels.
SELECT 1 FROM models AS c
WHERE
    c.is_current = 1
    AND c.estimated = :estimated
    AND EXISTS (SELECT 1 FROM moods AS m WHERE m.model_key = c.model_key);

-- name: current_version
-- The version of the current model of a class of features.
SELECT model_version FROM models
WHERE is_current = 1 AND estimated = :estimated;

-- name: show_labels
-- Show the labels of a model version.
UPDATE models SET is_current = 1
WHERE model_version = :id;

-- name: unlabelled_tracks
-- The next stored features of tracks that a model version has not labelled. The duration is that of the source, or that
-- of the track. The queue has the tracks without a label by the current model.
SELECT
    f.track_key,
    t.track_id,
    f.acousticness,
    f.danceability,
    f.energy,
    f.instrumentalness,
    f.liveness,
    f.loudness,
    f.speechiness,
    f.tempo,
    f.valence,
    s.source AS feature_source,
    coalesce(f.duration_ms, CASE WHEN t.duration_ms BETWEEN 1000 AND 86400000 THEN t.duration_ms END) AS duration_ms
FROM /* queued: _label_queue AS q CROSS JOIN */ any_table AS f
INNER JOIN tracks AS t ON f.track_key = t.track_key
INNER JOIN sources AS s ON f.source_key = s.source_key
WHERE
    f.track_key > :after
    /* queued: AND q.track_key > :after AND f.track_key = q.track_key */
    /* leased: AND q.lease_id = :lease */
    /* estimated: AND NOT EXISTS (SELECT 1 FROM audio_features AS x WHERE x.track_key = f.track_key) */
    AND NOT EXISTS (
        SELECT 1 FROM moods AS m
        INNER JOIN models AS c ON m.model_key = c.model_key
        WHERE m.track_key = f.track_key AND c.model_version = :version
    )
    /* selected: AND f.track_key IN (any_selected) */
ORDER BY f.track_key
LIMIT :page;

-- name: count_unlabelled_tracks
-- The number of tracks with features that a model version has not labelled.
SELECT count(*) FROM /* queued: _label_queue AS q CROSS JOIN */ any_table AS f
WHERE
    TRUE
    /* queued: AND f.track_key = q.track_key */
    /* estimated: AND NOT EXISTS (SELECT 1 FROM audio_features AS x WHERE x.track_key = f.track_key) */
    /* selected: AND f.track_key IN (any_selected) */
    AND NOT EXISTS (
        SELECT 1 FROM moods AS m
        INNER JOIN models AS c ON m.model_key = c.model_key
        WHERE m.track_key = f.track_key AND c.model_version = :version
    );

-- name: has_estimates
-- Whether any track has estimated features.
SELECT min(track_key) FROM estimated_features;

-- name: remove_replaced_labels
-- Remove the labels from estimated features of those of some tracks that have exact features.
DELETE FROM moods
WHERE
    track_key = ANY(:ids)
    AND model_key IN (SELECT model_key FROM models WHERE estimated = 1)
    AND EXISTS (SELECT 1 FROM audio_features AS f WHERE f.track_key = moods.track_key)
RETURNING track_key;

-- name: index_listens_of_tracks
-- Index the listens of some tracks that have lost their label. Reads every listen.
INSERT INTO _waiting_listens (track_key, user_key, played_at_ms)
SELECT
    track_key,
    user_key,
    played_at_ms
FROM listens
WHERE track_key = ANY(:ids)
ON CONFLICT (track_key, user_key, played_at_ms) DO NOTHING;

-- name: newest_features
-- The features that were fetched last.
SELECT
    f.acousticness,
    f.danceability,
    f.energy,
    f.instrumentalness,
    f.liveness,
    f.loudness,
    f.speechiness,
    f.tempo,
    f.valence,
    coalesce(f.duration_ms, CASE WHEN t.duration_ms BETWEEN 1000 AND 86400000 THEN t.duration_ms END) AS duration_ms
FROM audio_features AS f
INNER JOIN tracks AS t ON f.track_key = t.track_key
ORDER BY f.fetched_at_ms DESC, f.track_key DESC
LIMIT :limit;

-- name: label_agreement
-- How many tracks two model versions have labelled, by the two moods.
SELECT
    a.mood AS old_mood,
    b.mood AS new_mood,
    count(*) AS tracks
FROM moods AS a
INNER JOIN models AS x ON a.model_key = x.model_key AND x.model_version = :old
INNER JOIN models AS y ON y.model_version = :new
INNER JOIN moods AS b ON y.model_key = b.model_key AND a.track_key = b.track_key
GROUP BY a.mood, b.mood
ORDER BY a.mood, b.mood;

-- name: labels_that_moved_most
-- The tracks whose probabilities by two model versions differ most.
SELECT
    t.track_id,
    t.name AS track,
    t.artists,
    a.mood AS old_mood,
    b.mood AS new_mood,
    CAST(
        (
            abs(a.p_calm - b.p_calm)
            + abs(a.p_energetic - b.p_energetic)
            + abs(a.p_happy - b.p_happy)
            + abs(a.p_sad - b.p_sad)
        ) / 2 AS DOUBLE PRECISION
    ) AS distance
FROM moods AS a
INNER JOIN models AS x ON a.model_key = x.model_key AND x.model_version = :old
INNER JOIN models AS y ON y.model_version = :new
INNER JOIN moods AS b ON y.model_key = b.model_key AND a.track_key = b.track_key
INNER JOIN tracks AS t ON a.track_key = t.track_key
ORDER BY distance DESC, t.track_id
LIMIT :limit;

-- name: old_labels
-- The number of labels of each model version that is not current.
SELECT
    c.model_version,
    count(m.track_key) AS labels
FROM models AS c
LEFT JOIN moods AS m ON c.model_key = m.model_key
WHERE c.is_current = 0
GROUP BY c.model_version
ORDER BY c.model_version;

-- name: remove_old_labels
-- Remove the labels of model versions that are not current.
DELETE FROM moods
WHERE model_key IN (SELECT model_key FROM models WHERE is_current = 0);

-- name: remove_old_models
-- Remove the model versions that are not current.
DELETE FROM models
WHERE is_current = 0;
