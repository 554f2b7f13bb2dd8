-- Exclusive locks and their fencing numbers, which stop a process without the lock from writing.

-- name: try_lock
-- PostgreSQL only: acquire a lock for this session, unless another session holds it.
SELECT pg_try_advisory_lock(:family, :number);

-- name: unlock
-- PostgreSQL only: release a lock of this session.
SELECT pg_advisory_unlock(:family, :number);

-- name: try_shared_lock
-- PostgreSQL only: acquire a lock together with other sessions, unless one session holds it alone.
SELECT pg_try_advisory_lock_shared(:family, :number);

-- name: unlock_shared
-- PostgreSQL only: release a shared lock of this session.
SELECT pg_advisory_unlock_shared(:family, :number);

-- name: lock_transaction
-- PostgreSQL only: wait until no other transaction holds this lock, and hold it until the end of this one.
SELECT pg_advisory_xact_lock(:key);

-- name: lock_counts
-- PostgreSQL only: the same for counts. The second schema of a rebuild has a lock of its own.
SELECT pg_advisory_xact_lock(:key + CASE WHEN to_regclass('_rebuild_origin') IS NULL THEN 0 ELSE 1 END);

-- name: raise_fence
-- Raise the fencing number of a lock, to an odd number for one process alone.
UPDATE _fences SET number = number + 1 + number % 2
WHERE name = :name
RETURNING number;

-- name: share_fence
-- Raise the fencing number of a lock to an even number, which all processes that share the lock have.
UPDATE _fences SET number = number + number % 2
WHERE name = :name
RETURNING number;

-- name: fence
-- The fencing number of a lock, locked until this transaction ends.
SELECT number FROM _fences
WHERE name = :name
FOR SHARE;

-- name: held_leases
-- The account leases of an owner, locked until this transaction ends.
SELECT
    u.user_id,
    a.lease_number
FROM _accounts AS a
INNER JOIN users AS u ON a.user_key = u.user_key
WHERE a.leased_by = :owner
FOR SHARE OF a;

-- name: track_lease
-- A lease of tracks, locked until this transaction ends. The owner is of this lease alone.
SELECT lease_id FROM _track_leases
WHERE owner = :name AND state = 'held'
FOR SHARE;

-- name: track_leases
-- The leases of tracks of this round.
SELECT
    lease_id,
    owner,
    until_ms,
    state
FROM _track_leases;

-- name: add_track_lease
-- Add a lease of tracks.
INSERT INTO _track_leases (owner, until_ms) VALUES (:owner, :until)
RETURNING lease_id;

-- name: lease_tracks
-- Lease some tracks of a queue.
UPDATE any_table SET lease_id = :lease
WHERE track_key = ANY(:ids);

-- name: renew_track_lease
-- Renew a lease of tracks that was not lost.
UPDATE _track_leases SET until_ms = :until
WHERE lease_id = :lease AND state = 'held';

-- name: end_track_leases
-- End some leases of tracks.
UPDATE _track_leases SET state = :state
WHERE lease_id = ANY(:ids) AND state = 'held';

-- name: remove_track_leases
-- Free the tracks of some leases.
DELETE FROM _track_leases
WHERE lease_id = ANY(:ids);
