-- Audio features: tracks without features, feature misses, and responses that are not in a batch yet.

-- name: stored_features
-- Some tracks with their ten stored audio features. The duration is that of the source, or that of the track.
SELECT
    t.track_id,
    t.name,
    t.artists,
    t.album,
    t.duration_ms,
    t.isrc,
    t.release_date,
    t.kind,
    s.source,
    f.acousticness AS f_acousticness,
    f.danceability AS f_danceability,
    f.energy AS f_energy,
    f.instrumentalness AS f_instrumentalness,
    f.liveness AS f_liveness,
    f.loudness AS f_loudness,
    f.speechiness AS f_speechiness,
    f.tempo AS f_tempo,
    f.valence AS f_valence,
    coalesce(f.duration_ms, CASE WHEN t.duration_ms BETWEEN 1000 AND 86400000 THEN t.duration_ms END) AS f_duration_ms
FROM tracks AS t
LEFT JOIN audio_features AS f ON t.track_key = f.track_key
LEFT JOIN sources AS s ON f.source_key = s.source_key
WHERE t.track_id = ANY(:ids);

-- name: count_features
-- The number of tracks with exact features.
SELECT count(*) FROM audio_features;

-- name: tracks_for_audio
-- Every track, with whether it has exact and estimated features.
SELECT
    t.track_id,
    t.name,
    t.artists,
    t.album,
    t.duration_ms,
    t.isrc,
    t.release_date,
    t.kind,
    f.track_key IS NOT NULL AS has_exact,
    e.track_key IS NOT NULL AS has_estimate
FROM tracks AS t
LEFT JOIN audio_features AS f ON t.track_key = f.track_key
LEFT JOIN estimated_features AS e ON t.track_key = e.track_key
ORDER BY t.track_key;

-- name: plays_by_length
-- The plays of tracks without a stored duration by their own duration and end; of some tracks without a label, by the
-- index of their listens.
SELECT
    t.track_id,
    l.ms_played,
    r.reason_end,
    count(*) AS plays
FROM tracks AS t
/* unlabelled: INNER JOIN _waiting_listens AS w ON t.track_key = w.track_key */
INNER JOIN listens AS l
    ON
        t.track_key = l.track_key
        /* unlabelled: AND w.user_key = l.user_key AND w.played_at_ms = l.played_at_ms */
LEFT JOIN end_reasons AS r ON l.reason_key = r.reason_key
WHERE
    t.duration_ms IS NULL
    AND l.ms_played IS NOT NULL
    /* unlabelled: AND t.track_id = ANY(:ids) */
GROUP BY t.track_id, l.ms_played, r.reason_end
ORDER BY t.track_id;

-- name: stored_estimates
-- The estimated features of some tracks.
SELECT
    t.track_id,
    s.source,
    e.acousticness,
    e.danceability,
    e.energy,
    e.instrumentalness,
    e.liveness,
    e.loudness,
    e.speechiness,
    e.tempo,
    e.valence,
    coalesce(e.duration_ms, CASE WHEN t.duration_ms BETWEEN 1000 AND 86400000 THEN t.duration_ms END) AS duration_ms
FROM estimated_features AS e
INNER JOIN tracks AS t ON e.track_key = t.track_key
INNER JOIN sources AS s ON e.source_key = s.source_key
WHERE t.track_id = ANY(:ids);

-- name: feature_misses
-- The stored feature misses of some tracks.
SELECT
    t.track_id,
    s.source,
    m.reason,
    m.last_missed_at_ms,
    m.misses
FROM feature_misses AS m
INNER JOIN tracks AS t ON m.track_key = t.track_key
INNER JOIN sources AS s ON m.source_key = s.source_key
WHERE t.track_id = ANY(:ids);

-- name: unavailable_since
-- The time at which a feature source last refused this app.
SELECT unavailable_since_ms FROM _source_availability
WHERE source = :source;

-- name: mark_unavailable
-- Record that a feature source refused this app.
INSERT INTO _source_availability (source, unavailable_since_ms, reason) VALUES (:source, :at, :reason)
ON CONFLICT (source) DO UPDATE SET unavailable_since_ms = excluded.unavailable_since_ms, reason = excluded.reason;

-- name: mark_available
-- Remove the record that a feature source refused this app.
DELETE FROM _source_availability
WHERE source = :source;

-- name: unavailable_sources
-- The feature sources that refuse this app.
SELECT
    source,
    unavailable_since_ms,
    reason
FROM _source_availability
ORDER BY source;

-- name: keep_pending_response
-- Store the rows of a response until they are in a batch.
INSERT INTO _pending_responses (response_id, dataset, row_count, arrow)
VALUES (:response_id, :dataset, :row_count, :arrow);

-- name: seal_pending_responses
-- Assign the pending responses that belong to no batch yet to the batch of :at.
UPDATE _pending_responses SET created_at_ms = :at
WHERE dataset = :dataset AND created_at_ms IS NULL;

-- name: pending_responses
-- The pending responses of a dataset, batch by batch.
SELECT
    response_id,
    dataset,
    row_count,
    arrow,
    created_at_ms
FROM _pending_responses
WHERE dataset = :dataset
ORDER BY created_at_ms, response_id;

-- name: change_pending_response
-- Replace the rows of a response, which then belongs to no batch yet.
UPDATE _pending_responses SET row_count = :row_count, arrow = :arrow, created_at_ms = NULL
WHERE response_id = :response_id;

-- name: count_pending_rows
-- The number of pending rows.
SELECT coalesce(sum(row_count), 0) FROM _pending_responses;

-- name: remove_pending_responses
-- Remove responses whose rows are in a loaded batch.
DELETE FROM _pending_responses
WHERE response_id = ANY(:ids);

-- name: feature_coverage
-- Coverage by feature source, from the view.
SELECT
    feature_source,
    tracks,
    listens,
    track_share,
    listen_share
FROM feature_coverage
ORDER BY feature_source;

-- name: feature_coverage_by_person
-- Coverage by person, from the view.
SELECT
    user_id,
    display_name,
    listens,
    covered_listens,
    listen_share
FROM feature_coverage_by_person
ORDER BY display_name, user_id;

-- name: coverage_of_people
-- The rows of some people in the view feature_coverage_by_person, from the totals.
SELECT
    p.user_id,
    p.display_name,
    p.listens,
    p.covered_listens,
    CAST(round(1.0 * p.covered_listens / p.listens, 4) AS DOUBLE PRECISION) AS listen_share
FROM (
    SELECT
        u.user_id,
        u.display_name,
        CAST((SELECT sum(t.listens) FROM _listen_totals AS t WHERE t.user_key = u.user_key) AS BIGINT) AS listens,
        CAST(coalesce((
            SELECT sum(c.listens) FROM _covered_listens AS c
            WHERE c.user_key = u.user_key
        ), 0) AS BIGINT) AS covered_listens
    FROM users AS u
    WHERE u.user_id = ANY(:user_ids)
) AS p
WHERE p.listens IS NOT NULL
ORDER BY p.display_name, p.user_id;

-- name: feature_coverage_by_year
-- Coverage by year of release, from the view, newest first.
SELECT
    release_year,
    tracks,
    covered_tracks,
    track_share,
    tracks_dated_by_isrc
FROM feature_coverage_by_year
ORDER BY release_year DESC;

-- name: tracks_without_features
-- The tracks without audio features, oldest first: all, or those that are due. The option is named after the table by
-- which the most heard ones come first; the index of listens without a label needs a current model.
SELECT
    t.track_id,
    t.name,
    t.artists,
    t.album,
    t.duration_ms,
    t.isrc,
    t.release_date,
    t.kind
FROM _feature_queue AS q
INNER JOIN tracks AS t ON q.track_key = t.track_key
LEFT JOIN audio_features AS f ON q.track_key = f.track_key
/* heard: LEFT JOIN (
    SELECT
        l.track_key,
        count(*) AS listens
    FROM any_heard AS l
    GROUP BY l.track_key
) AS h ON q.track_key = h.track_key */
WHERE
    f.track_key IS NULL
    /* selected: AND q.track_key IN (any_selected) */
    /* leased: AND q.lease_id = :lease */
    /* due: AND (q.due_at_ms <= :now OR (q.due_at_ms > :latest AND q.due_at_ms < :never)) */
ORDER BY
    /* heard: coalesce(h.listens, 0) DESC, */
    q.track_key;

-- name: stored_codes
-- The stored ISRCs of some tracks.
SELECT
    track_id,
    track_key,
    isrc
FROM tracks
WHERE track_id = ANY(:ids) AND isrc IS NOT NULL;

-- name: record_replaced_codes
-- Record that a batch has replaced the ISRCs of some tracks.
INSERT INTO _replaced_codes (track_key, replaced_at_ms)
SELECT
    track_key,
    :at AS replaced_at_ms
FROM tracks
WHERE track_key = ANY(:ids)
ORDER BY track_key
ON CONFLICT (track_key) DO UPDATE SET
    replaced_at_ms = CASE
        WHEN excluded.replaced_at_ms > _replaced_codes.replaced_at_ms
            THEN excluded.replaced_at_ms
        ELSE _replaced_codes.replaced_at_ms
    END;

-- name: replaced_after
-- The tracks whose ISRC was replaced by a batch that is newer than :at.
SELECT (SELECT t.track_id FROM tracks AS t WHERE t.track_key = c.track_key) AS track_id
FROM _replaced_codes AS c
WHERE c.replaced_at_ms > :at;

-- name: remove_rows_by_code
-- Delete the features, misses or labels of some tracks that can have been found by ISRC. The index of labels begins
-- with the model.
DELETE FROM any_table
WHERE
    track_key = ANY(:ids)
    AND source_key IN (
        SELECT s.source_key FROM sources AS s
        WHERE s.source = 'reccobeats:isrc' OR s.source LIKE 'catalog:%'
    )
    /* labels: AND model_key IN (SELECT m.model_key FROM models AS m) */
RETURNING track_key;
