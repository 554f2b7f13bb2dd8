-- Queries of an import: stored listens, known names, pending plays, and earlier imports.

-- name: extended_listens
-- A person's listens from extended streaming histories.
SELECT
    l.track_key,
    l.played_at_ms,
    l.ms_played
FROM listens AS l
WHERE
    l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
    AND l.source_key = (SELECT s.source_key FROM sources AS s WHERE s.source = 'extended_history');

-- name: has_extended_listens
-- One row if a person has listens from extended streaming histories.
SELECT s.source_key
FROM sources AS s
WHERE
    s.source = 'extended_history'
    AND EXISTS (
        SELECT 1 FROM listens AS l
        WHERE
            l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
            AND l.source_key = s.source_key
    );

-- name: listens_but_extended
-- A person's listens but those from extended histories, oldest first.
SELECT
    t.track_id,
    l.played_at_ms,
    l.ms_played,
    s.source,
    t.duration_ms
FROM listens AS l
INNER JOIN tracks AS t ON l.track_key = t.track_key
INNER JOIN sources AS s ON l.source_key = s.source_key
WHERE
    l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
    AND s.source <> 'extended_history'
ORDER BY l.played_at_ms, t.track_id;

-- name: track_names
-- Title and artists of every track that has them, ordered by id; a track with several names has a row for each.
SELECT
    track_id,
    name,
    artists
FROM tracks
WHERE name <> '' AND kind = 'track'
UNION
SELECT
    t.track_id,
    n.title AS name,
    n.artist AS artists
FROM track_names AS n
INNER JOIN tracks AS t ON n.track_key = t.track_key
WHERE t.kind = 'track'
ORDER BY track_id;

-- name: other_names
-- Every name of the tracks that have several.
SELECT
    t.track_id,
    n.title,
    n.artist
FROM track_names AS n
INNER JOIN tracks AS t ON n.track_key = t.track_key
WHERE t.kind = 'track'
ORDER BY t.track_id, n.title, n.artist;

-- name: pending_plays
-- The plays whose track is not known yet: all, or those of a person.
SELECT
    u.user_id,
    p.ended_at_ms,
    p.artist,
    p.title,
    p.ms_played,
    coalesce(s.source, 'account_data') AS source
FROM named_plays AS p
INNER JOIN users AS u ON p.user_key = u.user_key
LEFT JOIN sources AS s ON p.source_key = s.source_key
WHERE
    p.track_key IS NULL
    /* user: AND u.user_id = :user */
ORDER BY u.user_id, coalesce(s.source, 'account_data'), p.ended_at_ms, p.artist, p.title, coalesce(p.ms_played, -1);

-- name: names_to_resolve
-- The names of pending plays, and of tracks that no source has features of and that have no ISRC; most heard first.
-- Listens without a label are kept by track: to count those of all tracks would read every listen each night.
SELECT
    p.artist AS artists,
    p.title,
    NULL AS track_id,
    max(p.recording_mbid) AS recording_mbid,
    max(p.duration_ms) AS duration_ms,
    max(p.ms_played) AS longest_ms,
    max(CASE WHEN p.plays > 1 THEN p.ms_played END) AS repeated_ms,
    CAST(sum(p.plays) AS BIGINT) AS plays
FROM (
    SELECT
        n.artist,
        n.title,
        n.ms_played,
        max(n.recording_mbid) AS recording_mbid,
        max(n.duration_ms) AS duration_ms,
        count(*) AS plays
    FROM named_plays AS n
    WHERE n.track_key IS NULL
    GROUP BY n.artist, n.title, n.ms_played
) AS p
GROUP BY p.artist, p.title
UNION ALL
SELECT
    t.artists,
    t.name AS title,
    t.track_id,
    NULL AS recording_mbid,
    coalesce(t.duration_ms, e.duration_ms) AS duration_ms,
    NULL AS longest_ms,
    NULL AS repeated_ms,
    (SELECT count(*) FROM _waiting_listens AS w WHERE w.track_key = t.track_key) AS plays
FROM _feature_queue AS q
INNER JOIN tracks AS t ON q.track_key = t.track_key
LEFT JOIN estimated_features AS e ON q.track_key = e.track_key
WHERE
    t.kind = 'track'
    AND t.name <> ''
    AND t.isrc IS NULL
    AND EXISTS (SELECT 1 FROM feature_misses AS m WHERE m.track_key = t.track_key)
ORDER BY plays DESC, artists, title, track_id;

-- name: past_resolutions
-- The stored answers about the names of some artists.
SELECT
    artist,
    title,
    resolved_by,
    outcome,
    misses,
    resolved_at_ms
FROM resolutions
WHERE artist = ANY(:artists);

-- name: named_plays
-- Every play of a person that an export names by artist and title.
SELECT
    p.ended_at_ms,
    p.artist,
    p.title,
    p.ms_played
FROM named_plays AS p
WHERE p.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);

-- name: names_matched_until
-- The time until which new names were compared with the pending plays.
SELECT until_ms FROM _done_until
WHERE step = 'match names';

-- name: set_names_matched_until
-- Record that every name from before :until was compared with the pending plays.
INSERT INTO _done_until (step, until_ms) VALUES ('match names', :until)
ON CONFLICT (step) DO UPDATE SET until_ms = excluded.until_ms;

-- name: listens_shorter_than
-- The number of a person's listens that are shorter than :min_ms.
SELECT count(*) AS listens
FROM listens AS l
WHERE l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user) AND l.ms_played < :min_ms;

-- name: tracks_by_reason
-- The tracks that a person played, those of them with features, and their listens, by the reason why they have no mood;
-- NULL if they have one.
SELECT
    CASE WHEN p.track_key IS NULL THEN t.unlabelled_reason ELSE p.unlabelled_reason END AS unlabelled_reason,
    count(*) AS tracks,
    count(coalesce(f.track_key, e.track_key)) AS with_features,
    CAST(sum(h.listens) AS BIGINT) AS listens
FROM (
    SELECT
        l.user_key,
        l.track_key,
        count(*) AS listens
    FROM listens AS l
    WHERE l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
    GROUP BY l.user_key, l.track_key
) AS h
INNER JOIN _track_moods AS t ON h.track_key = t.track_key
LEFT JOIN _person_moods AS p ON h.user_key = p.user_key AND h.track_key = p.track_key
LEFT JOIN audio_features AS f ON h.track_key = f.track_key
LEFT JOIN estimated_features AS e ON h.track_key = e.track_key
GROUP BY CASE WHEN p.track_key IS NULL THEN t.unlabelled_reason ELSE p.unlabelled_reason END;

-- name: open_gaps
-- A person's gaps that are not filled, oldest first.
SELECT
    g.starts_at_ms,
    g.ends_at_ms,
    g.found_at_ms
FROM gaps AS g
WHERE g.filled_at_ms IS NULL AND g.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
ORDER BY g.starts_at_ms;

-- name: filled_gap_starts
-- The starts of a person's gaps that are filled.
SELECT g.starts_at_ms FROM gaps AS g
WHERE g.filled_at_ms IS NOT NULL AND g.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);

-- name: imported_file
-- The outcome of an earlier import of the same bytes with the same options.
SELECT
    f.rows_read,
    f.outcomes
FROM _imported_files AS f
WHERE
    f.digest = :digest
    AND f.options = :options
    AND f.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);

-- name: record_imported_file
-- Record that an export was imported as a whole.
INSERT INTO _imported_files (user_key, digest, options, rows_read, outcomes, imported_at_ms)
SELECT
    user_key,
    :digest AS digest,
    :options AS options,
    :rows AS rows_read,
    :outcomes AS outcomes,
    :at AS imported_at_ms
FROM users
WHERE user_id = :user
ON CONFLICT (user_key, digest, options) DO NOTHING;

-- name: interrupted_import
-- An import of the same bytes with the same options that was begun and is not complete.
SELECT i.import_id
FROM _imports AS i
WHERE
    i.digest = :digest
    AND i.options = :options
    AND i.last_batch_ms IS NULL
    AND i.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);

-- name: begin_import
-- Record that an import begins to write.
INSERT INTO _imports (import_id, user_key, digest, options, first_batch_ms)
SELECT
    :id AS import_id,
    user_key,
    :digest AS digest,
    :options AS options,
    :first AS first_batch_ms
FROM users
WHERE user_id = :user;

-- name: complete_import
-- Record that an import is complete.
UPDATE _imports
SET last_batch_ms = :until, rows_read = :rows, outcomes = :outcomes
WHERE import_id = :id;

-- name: import_by_id
-- Whose import it is, and the times of its batches.
SELECT
    u.user_id,
    i.first_batch_ms,
    i.last_batch_ms
FROM _imports AS i
INNER JOIN users AS u ON i.user_key = u.user_key
WHERE i.import_id = :id;

-- name: imports
-- The imports that can be taken back, newest first; last_batch_ms is NULL if one was interrupted.
SELECT
    i.import_id,
    u.user_id,
    u.display_name,
    i.first_batch_ms,
    i.last_batch_ms,
    i.rows_read,
    i.outcomes
FROM _imports AS i
INNER JOIN users AS u ON i.user_key = u.user_key
WHERE
    TRUE
    /* user: AND u.user_id = :user */
ORDER BY i.first_batch_ms DESC, i.import_id;

-- name: limits_of_imports
-- The times of the first batch of each import and of the end of its batches, in chronological order.
SELECT i.first_batch_ms AS at_ms FROM _imports AS i
UNION
SELECT i.last_batch_ms AS at_ms FROM _imports AS i
WHERE i.last_batch_ms IS NOT NULL
ORDER BY at_ms;

-- name: paths_since
-- The batches of a dataset that were made at :since or later, newest first.
SELECT
    b.path,
    b.created_at_ms
FROM _batches AS b
WHERE b.dataset = :dataset AND b.created_at_ms >= :since
ORDER BY b.created_at_ms DESC, b.batch_id DESC;

-- name: listens_of_person
-- Time and track of every listen of a person.
SELECT
    l.played_at_ms,
    t.track_id
FROM listens AS l
INNER JOIN tracks AS t ON l.track_key = t.track_key
WHERE l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);

-- name: named_plays_of_person
-- Every play by name of a person.
SELECT
    p.ended_at_ms,
    p.artist,
    p.title,
    p.ms_played
FROM named_plays AS p
WHERE p.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);

-- name: remove_listen
-- Delete one listen.
DELETE FROM listens
WHERE user_key = :user AND played_at_ms = :at AND track_key = :track;

-- name: remove_named_play
-- Delete one play by name; :ms is -1 without a duration.
DELETE FROM named_plays
WHERE
    user_key = :user AND ended_at_ms = :at AND artist = :artist AND title = :title AND coalesce(ms_played, -1) = :ms;

-- name: reopen_gap
-- Mark a gap as not filled.
UPDATE gaps
SET filled_at_ms = NULL
WHERE user_key = :user AND starts_at_ms = :at;

-- name: remove_import
-- Delete the record of an import.
DELETE FROM _imports
WHERE import_id = :id;

-- name: remove_imported_files
-- Delete what is known of a person's imported files, so that importing them again reads every row.
DELETE FROM _imported_files
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);
