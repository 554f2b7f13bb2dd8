-- Loading: move the rows of a batch from the table staging to their own table. The columns of staging are those of the
-- INSERT, in the same order. On SQLite the rows are VALUES instead.

-- name: load_users
-- The latest row of a person counts, except for the time of the first connection (0 means not known yet). This works in
-- any order of rows: a batch that a killed run published can be loaded after a later one.
INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms, name_key)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_id) DO UPDATE SET
    display_name = CASE
        WHEN excluded.recorded_at_ms >= users.recorded_at_ms THEN excluded.display_name ELSE users.display_name
    END,
    name_key = CASE WHEN excluded.recorded_at_ms >= users.recorded_at_ms THEN excluded.name_key ELSE users.name_key END,
    timezone = CASE WHEN excluded.recorded_at_ms >= users.recorded_at_ms THEN excluded.timezone ELSE users.timezone END,
    connected_at_ms = CASE
        WHEN excluded.connected_at_ms = 0 THEN users.connected_at_ms
        WHEN users.connected_at_ms = 0 OR excluded.connected_at_ms < users.connected_at_ms
            THEN excluded.connected_at_ms
        ELSE users.connected_at_ms
    END,
    recorded_at_ms = CASE
        WHEN excluded.recorded_at_ms > users.recorded_at_ms THEN excluded.recorded_at_ms ELSE users.recorded_at_ms
    END;

-- name: load_tracks
-- New data of a track fills empty columns; known data is never lost.
INSERT INTO tracks (track_id, name, artists, album, duration_ms, isrc, release_date, kind)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (track_id) DO UPDATE SET
    name = excluded.name,
    artists = excluded.artists,
    album = coalesce(excluded.album, tracks.album),
    duration_ms = coalesce(excluded.duration_ms, tracks.duration_ms),
    isrc = coalesce(excluded.isrc, tracks.isrc),
    release_date = coalesce(excluded.release_date, tracks.release_date),
    kind = excluded.kind;

-- name: load_artist_credits
-- The artists of tracks.
INSERT INTO artist_credits (track_key, place, artist)
SELECT * FROM staging; -- noqa: AM04

-- name: load_track_names
-- Other names of tracks.
INSERT INTO track_names (track_key, artist, title)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (track_key, artist, title) DO NOTHING;

-- name: load_listens
-- A stored listen never changes.
INSERT INTO listens (
    user_key, played_at_ms, track_key, ms_played, source_key, skipped, shuffle, reason_key
)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, played_at_ms, track_key) DO NOTHING;

-- name: load_gaps
-- A filled gap stays filled. If a gap is found again from the same listen on, because a run was killed before it stored
-- its listens, the later end counts.
INSERT INTO gaps (user_key, starts_at_ms, ends_at_ms, found_at_ms, filled_at_ms)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, starts_at_ms) DO UPDATE SET
    ends_at_ms = CASE WHEN excluded.ends_at_ms > gaps.ends_at_ms THEN excluded.ends_at_ms ELSE gaps.ends_at_ms END,
    filled_at_ms = coalesce(gaps.filled_at_ms, excluded.filled_at_ms);

-- name: load_audio_features
-- The first features of a track stay, because its labels are based on them.
INSERT INTO audio_features (
    track_key, acousticness, danceability, energy, instrumentalness, liveness, loudness, speechiness, tempo, valence,
    duration_ms, source_key, fetched_at_ms
)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (track_key) DO NOTHING;

-- name: load_estimated_features
-- The first estimate of a track stays, because its label is based on it.
INSERT INTO estimated_features (
    track_key, acousticness, danceability, energy, instrumentalness, liveness, loudness, speechiness, tempo, valence,
    duration_ms, source_key, fetched_at_ms
)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (track_key) DO NOTHING;

-- name: load_feature_misses
-- A later miss is counted; a duplicate changes nothing. A stored miss that is more than a day (86,400,000 ms) later
-- than the next one was dated by a wrong clock.
INSERT INTO feature_misses (track_key, source_key, reason, misses, first_missed_at_ms, last_missed_at_ms)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (track_key, source_key) DO UPDATE SET
    reason = excluded.reason,
    misses = feature_misses.misses + 1,
    last_missed_at_ms = excluded.last_missed_at_ms
WHERE excluded.last_missed_at_ms > feature_misses.last_missed_at_ms
OR excluded.last_missed_at_ms < feature_misses.last_missed_at_ms - 86400000;

-- name: load_resolutions
-- The latest answer of a resolver about a name counts. A stored answer that is more than a day (86,400,000 ms) later
-- than the next one was dated by a wrong clock.
INSERT INTO resolutions (artist, title, resolved_by, outcome, track_key, misses, resolved_at_ms)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (artist, title, resolved_by) DO UPDATE SET
    outcome = excluded.outcome,
    track_key = coalesce(excluded.track_key, resolutions.track_key),
    misses = resolutions.misses + excluded.misses,
    resolved_at_ms = excluded.resolved_at_ms
WHERE excluded.resolved_at_ms > resolutions.resolved_at_ms
OR excluded.resolved_at_ms < resolutions.resolved_at_ms - 86400000;

-- name: load_moods
-- A model version's label of a track never changes.
INSERT INTO moods (
    track_key, model_key, mood, p_calm, p_energetic, p_happy, p_sad, uncertain, out_of_distribution, source_key,
    labelled_at_ms, mood_set
)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (model_key, track_key) DO NOTHING;

-- name: load_named_plays
-- A play keeps its track once that is known.
INSERT INTO named_plays (
    user_key, ended_at_ms, artist, title, ms_played, track_key, source_key, recording_mbid, duration_ms
)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, ended_at_ms, artist, title, coalesce(ms_played, -1)) DO UPDATE SET
    track_key = coalesce(named_plays.track_key, excluded.track_key),
    recording_mbid = coalesce(named_plays.recording_mbid, excluded.recording_mbid),
    duration_ms = coalesce(named_plays.duration_ms, excluded.duration_ms);

-- name: load_forgotten
-- The latest times count, in any order of rows.
INSERT INTO forgotten (person_hash, hash_key, forgotten_at_ms, lifted_at_ms)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (person_hash) DO UPDATE SET
    forgotten_at_ms = CASE
        WHEN excluded.forgotten_at_ms > forgotten.forgotten_at_ms
            THEN excluded.forgotten_at_ms
        ELSE forgotten.forgotten_at_ms
    END,
    lifted_at_ms = CASE
        WHEN forgotten.lifted_at_ms IS NULL OR excluded.lifted_at_ms > forgotten.lifted_at_ms
            THEN excluded.lifted_at_ms
        ELSE forgotten.lifted_at_ms
    END;

-- name: add_pending_listens
-- Index listens whose tracks have no label yet.
INSERT INTO _waiting_listens (track_key, user_key, played_at_ms)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (track_key, user_key, played_at_ms) DO NOTHING;

-- name: add_to_listen_totals
-- Add counts of new listens to the totals by person and listen source.
INSERT INTO _listen_totals (user_key, source_key, listens, first_played_at_ms, last_played_at_ms)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, source_key) DO UPDATE SET
    listens = _listen_totals.listens + excluded.listens,
    first_played_at_ms = CASE
        WHEN excluded.first_played_at_ms < _listen_totals.first_played_at_ms
            THEN excluded.first_played_at_ms
        ELSE _listen_totals.first_played_at_ms
    END,
    last_played_at_ms = CASE
        WHEN excluded.last_played_at_ms > _listen_totals.last_played_at_ms
            THEN excluded.last_played_at_ms
        ELSE _listen_totals.last_played_at_ms
    END;

-- name: add_to_covered_listens
-- Add counts of new listens to the totals by person and feature source.
INSERT INTO _covered_listens (user_key, source_key, listens)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, source_key) DO UPDATE SET listens = _covered_listens.listens + excluded.listens;

-- name: add_user
-- A person in rows that are loaded before the person's own row.
INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms) VALUES (:id, :id, 'UTC', 0, 0)
ON CONFLICT (user_id) DO NOTHING;

-- name: add_track
-- A track in rows that are loaded before the track's own row: a lost batch of tracks must not lose the listens.
INSERT INTO tracks (track_id, name, artists, kind) VALUES (:id, '', '', 'track')
ON CONFLICT (track_id) DO NOTHING;

-- name: add_source
-- A listen or feature source.
INSERT INTO sources (source) VALUES (:id)
ON CONFLICT (source) DO NOTHING;

-- name: add_reason
-- A reason why a play ended.
INSERT INTO end_reasons (reason_end) VALUES (:id)
ON CONFLICT (reason_end) DO NOTHING;

-- name: add_model
-- A model version; the names of models for estimated features start with estimated-.
INSERT INTO models (model_version, estimated)
VALUES (:id, CASE WHEN CAST(:id AS TEXT) LIKE 'estimated-%' THEN 1 ELSE 0 END)
ON CONFLICT (model_version) DO NOTHING;

-- name: keys_version
-- The version of the cached track keys. The lock is shared with other loads; a deletion of tracks waits for their end.
SELECT version FROM _cache_versions
WHERE name = 'keys'
FOR SHARE;

-- name: labels_version
-- The version of the cached labels and feature sources.
SELECT version FROM _cache_versions
WHERE name = 'labels';

-- name: invalidate_keys
-- Invalidate the cached track keys of every process.
UPDATE _cache_versions SET version = version + 1
WHERE name = 'keys';

-- name: invalidate_labels
-- Invalidate the cached labels and feature sources of every process.
UPDATE _cache_versions SET version = version + 1
WHERE name = 'labels';

-- name: label_codes
-- The labels of some tracks by the current model as codes (the mood's position by name, plus 4 if uncertain), their
-- feature sources, and the probabilities in units of 1e-4.
SELECT
    m.track_key,
    CASE m.mood WHEN 'Calm' THEN 0 WHEN 'Energetic' THEN 1 WHEN 'Happy' THEN 2 WHEN 'Sad' THEN 3 END
    + 4 * m.uncertain AS code,
    coalesce(f.source_key, e.source_key, 0) AS source_key,
    CAST(round(CAST(m.p_calm AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS calm,
    CAST(round(CAST(m.p_energetic AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS energetic,
    CAST(round(CAST(m.p_happy AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS happy,
    CAST(round(CAST(m.p_sad AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS sad
FROM models AS c
INNER JOIN moods AS m ON c.model_key = m.model_key
LEFT JOIN audio_features AS f ON m.track_key = f.track_key
LEFT JOIN estimated_features AS e ON m.track_key = e.track_key
WHERE c.is_current = 1 AND m.track_key = ANY(:ids);

-- name: feature_sources
-- The feature sources of some tracks.
SELECT
    track_key,
    source_key
FROM audio_features
WHERE track_key = ANY(:ids)
UNION ALL
SELECT
    e.track_key,
    e.source_key
FROM estimated_features AS e
WHERE e.track_key = ANY(:ids) AND NOT EXISTS (SELECT 1 FROM audio_features AS f WHERE f.track_key = e.track_key);

-- name: index_pending_listens
-- Find again every listen, or those of some people, whose track has no label by the current model.
INSERT INTO _waiting_listens (track_key, user_key, played_at_ms)
SELECT
    l.track_key,
    l.user_key,
    l.played_at_ms
FROM listens AS l
INNER JOIN models AS c ON c.is_current = 1 AND c.estimated = 0
LEFT JOIN _current_moods AS m ON l.track_key = m.track_key
WHERE m.track_key IS NULL /* ids: AND l.user_key = ANY(:ids) */;

-- name: pending_days
-- The people and local days with listens of some tracks without a label.
SELECT DISTINCT
    w.user_key,
    CAST((w.played_at_ms / 1000 + o.offset_s) / 86400 AS INTEGER) AS day
FROM _waiting_listens AS w
INNER JOIN users AS u ON w.user_key = u.user_key
INNER JOIN _utc_offsets AS o
    ON u.timezone = o.timezone AND w.played_at_ms >= o.starts_at_ms AND w.played_at_ms < o.ends_at_ms
WHERE w.track_key = ANY(:ids);

-- name: remove_pending_listens
-- Remove labelled tracks from the index.
DELETE FROM _waiting_listens
WHERE track_key = ANY(:ids);

-- name: remove_all_pending_listens
-- Empty the index.
DELETE FROM _waiting_listens;

-- name: mark_totals_stale
-- The totals must not be used until they are counted again.
INSERT INTO _stale_totals (reason) VALUES (:reason)
ON CONFLICT (reason) DO NOTHING;

-- name: are_totals_stale
-- Whether the totals must not be used.
SELECT 1 FROM _stale_totals;

-- name: do_listens_add_up
-- Whether the listens that a table counts are the number of listens of each person.
SELECT NOT EXISTS (
    SELECT 1 FROM (
        SELECT
            user_key,
            count(*) AS listens
        FROM listens
        GROUP BY user_key
        UNION ALL
        SELECT
            user_key,
            -listens AS listens
        FROM any_table
    ) AS c
    GROUP BY c.user_key
    HAVING sum(c.listens) <> 0
);

-- name: user_keys
-- The keys of some people. They must not be deleted before the commit: a load has no foreign key check per row for
-- listens.
SELECT
    user_id,
    user_key
FROM users
WHERE user_id = ANY(:ids)
FOR KEY SHARE;

-- name: track_keys
-- The keys of some tracks.
SELECT
    track_id,
    track_key
FROM tracks
WHERE track_id = ANY(:ids);

-- name: source_keys
-- The keys of some listen or feature sources.
SELECT
    source,
    source_key
FROM sources
WHERE source = ANY(:ids);

-- name: reason_keys
-- The keys of some reasons why a play ended.
SELECT
    reason_end,
    reason_key
FROM end_reasons
WHERE reason_end = ANY(:ids);

-- name: model_keys
-- The keys of some model versions.
SELECT
    model_version,
    model_key
FROM models
WHERE model_version = ANY(:ids);

-- name: time_zones_by_key
-- The time zones of some people.
SELECT
    user_key,
    timezone
FROM users
WHERE user_key = ANY(:ids);
