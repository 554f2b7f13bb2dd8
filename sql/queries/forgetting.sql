-- Forgetting a person: tombstones, and everything that is deleted. Rows of the tables that know people by their key are
-- deleted table by table, by a statement that Python composes: no table that is added later is left out.

-- name: tombstones_of
-- The tombstones of some hashes.
SELECT
    person_hash,
    hash_key,
    forgotten_at_ms,
    lifted_at_ms
FROM forgotten
WHERE person_hash = ANY(:ids);

-- name: every_tombstone
-- Every tombstone.
SELECT
    person_hash,
    hash_key,
    forgotten_at_ms,
    lifted_at_ms
FROM forgotten;

-- name: newest_forgetting
-- When somebody was forgotten last.
SELECT max(forgotten_at_ms) FROM forgotten;

-- name: hash_keys
-- The keys by which ids are hashed: each is looked up after the one before, so that no tombstone is read.
WITH RECURSIVE keys (hash_key) AS (
    SELECT min(hash_key) FROM forgotten
    UNION ALL
    SELECT (SELECT min(f.hash_key) FROM forgotten AS f WHERE f.hash_key > k.hash_key) FROM keys AS k
    WHERE k.hash_key IS NOT NULL
)

SELECT hash_key FROM keys
WHERE hash_key IS NOT NULL;

-- name: people_to_forget
-- Whom a run has begun to forget.
SELECT u.user_id FROM _people_to_forget AS f
INNER JOIN users AS u ON f.user_key = u.user_key;

-- name: add_person_to_forget
-- Record whom a run begins to forget.
INSERT INTO _people_to_forget (user_key)
SELECT user_key FROM users
WHERE user_id = :id
ON CONFLICT (user_key) DO NOTHING;

-- name: may_others_be_forgotten
-- Whether tombstones were loaded of people whom no run here began to forget.
SELECT 1 FROM _done_until
WHERE step = 'find people to forget';

-- name: look_for_people_to_forget
-- Record that tombstones were loaded of people whom no run here began to forget.
INSERT INTO _done_until (step, until_ms) VALUES ('find people to forget', 0)
ON CONFLICT (step) DO NOTHING;

-- name: all_people_to_forget_found
-- Record that everybody was compared with the tombstones.
DELETE FROM _done_until
WHERE step = 'find people to forget';

-- name: every_person
-- The ids of everybody who is stored.
SELECT user_id FROM users;

-- name: paused_for
-- Whose account is paused for a reason.
SELECT u.user_id FROM users AS u
INNER JOIN _accounts AS a ON u.user_key = a.user_key
WHERE a.state_reason = :reason;

-- name: lock_people
-- PostgreSQL only: let nobody be forgotten until the end of this transaction. Those who write rows of people share it.
SELECT pg_advisory_xact_lock_shared(:key);

-- name: lease_holder
-- Who holds the lease of an account that is not dated further ahead than clocks differ.
SELECT a.leased_by FROM _accounts AS a
WHERE
    a.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id)
    AND a.leased_until_ms BETWEEN :now AND :latest;

-- name: begin_forgetting
-- Take an account out of all pulling and drop its token.
UPDATE _accounts SET
    state = 'paused',
    state_reason = :reason,
    token = NULL,
    token_version = token_version + 1,
    leased_by = :owner,
    leased_until_ms = :until
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: local_files
-- The local files that a person heard.
SELECT DISTINCT t.track_id FROM listens AS l
INNER JOIN tracks AS t ON l.track_key = t.track_key
WHERE
    l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id)
    AND t.track_id LIKE 'spotify:local:%';

-- name: stored_among
-- Those of some tracks that are stored.
SELECT track_id FROM tracks WHERE track_id = ANY(:ids);

-- name: names_of_others
-- The names of the plays of everybody but some people.
SELECT DISTINCT
    p.artist,
    p.title
FROM named_plays AS p
INNER JOIN users AS u ON p.user_key = u.user_key
WHERE NOT u.user_id = ANY(:ids);

-- name: names_of_person
-- The names of a person's plays.
SELECT DISTINCT
    artist,
    title
FROM named_plays
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id);

-- name: tracks_of_others
-- Those of some tracks that another person heard, played by name or answered about. Listens have no index by track: all
-- are read, but once.
SELECT t.track_id FROM listens AS l
INNER JOIN tracks AS t ON l.track_key = t.track_key
INNER JOIN users AS u ON l.user_key = u.user_key
WHERE t.track_id = ANY(:ids) AND u.user_id <> :id
UNION
SELECT t.track_id FROM named_plays AS p
INNER JOIN tracks AS t ON p.track_key = t.track_key
INNER JOIN users AS u ON p.user_key = u.user_key
WHERE t.track_id = ANY(:ids) AND u.user_id <> :id
UNION
SELECT t.track_id FROM mood_answers AS a
INNER JOIN tracks AS t ON a.track_key = t.track_key
INNER JOIN users AS u ON a.user_key = u.user_key
WHERE t.track_id = ANY(:ids) AND u.user_id <> :id;

-- name: remove_unknown_names
-- Delete what resolvers did not find.
DELETE FROM resolutions
WHERE artist = :artist AND title = :title AND outcome <> 'found';

-- name: tracks_to_check
-- The tracks that a person heard, and those of listens whose person, of :ids, is not stored.
SELECT l.track_key FROM listens AS l
WHERE l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id)
UNION
SELECT l.track_key FROM listens AS l
WHERE l.user_key = ANY(:ids);

-- name: unused_tracks
-- Those of some tracks without a listen, a play or an answer. Listens have no index by track: all are read, but once.
SELECT track_key FROM tracks
WHERE track_id = ANY(:ids)
EXCEPT
SELECT track_key FROM listens
WHERE track_key IN (SELECT t.track_key FROM tracks AS t WHERE t.track_id = ANY(:ids))
EXCEPT
SELECT track_key FROM named_plays
EXCEPT
SELECT track_key FROM mood_answers
ORDER BY track_key;

-- name: undescribed_tracks
-- Those of some tracks that were never described: they came with the listens.
SELECT track_key FROM tracks
WHERE track_key = ANY(:ids) AND name = '' AND artists = '';

-- name: remove_unused_tracks
-- Delete those of some tracks that nothing refers to. Listens are read once, and only those of these tracks are kept.
DELETE FROM tracks
WHERE
    track_key IN (
        SELECT t.track_key FROM tracks AS t
        WHERE t.track_key = ANY(:ids)
        EXCEPT
        SELECT l.track_key FROM listens AS l
        WHERE l.track_key = ANY(:ids)
        EXCEPT
        SELECT p.track_key FROM named_plays AS p
        WHERE p.track_key = ANY(:ids)
        EXCEPT
        SELECT r.track_key FROM resolutions AS r
        WHERE r.track_key = ANY(:ids)
        EXCEPT
        SELECT n.track_key FROM track_names AS n
        WHERE n.track_key = ANY(:ids)
        EXCEPT
        SELECT f.track_key FROM audio_features AS f
        WHERE f.track_key = ANY(:ids)
        EXCEPT
        SELECT e.track_key FROM estimated_features AS e
        WHERE e.track_key = ANY(:ids)
        EXCEPT
        SELECT m.track_key FROM feature_misses AS m
        WHERE m.track_key = ANY(:ids)
        EXCEPT
        SELECT o.track_key FROM moods AS o
        WHERE o.track_key = ANY(:ids)
        EXCEPT
        SELECT a.track_key FROM mood_answers AS a
        WHERE a.track_key = ANY(:ids)
    );
