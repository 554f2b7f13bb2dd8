-- Exclusive locks and their fencing numbers, which stop a process without the lock from writing.

-- name: try_lock
-- PostgreSQL only: acquire a lock for this session, unless another session holds it.
SELECT pg_try_advisory_lock(:family, :number);

-- name: unlock
-- PostgreSQL only: release a lock of this session.
SELECT pg_advisory_unlock(:family, :number);

-- name: lock_transaction
-- PostgreSQL only: wait until no other transaction holds this lock, and hold it until the end of this one.
SELECT pg_advisory_xact_lock(:key);

-- name: raise_fence
-- Raise the fencing number of a lock.
UPDATE _fences SET number = number + 1
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
