-- What operators watch: /metrics of the live pages. None of these statements reads everybody; counts stop at :most.

-- name: count_due_accounts
-- The active accounts that are due at :now.
SELECT count(*) FROM (
    SELECT 1 AS due FROM _accounts
    WHERE state = 'active' AND due_at_ms <= :now
    ORDER BY due_at_ms
    LIMIT :most
) AS d;

-- name: earliest_due
-- When the first of the active accounts that were pulled before is or was due.
SELECT min(due_at_ms) FROM _accounts
WHERE state = 'active' AND due_at_ms > 0;

-- name: newest_pull
-- When an active account was last pulled.
SELECT max(last_pulled_at_ms) FROM _accounts
WHERE state = 'active';

-- name: count_waiting_listens
-- The listens whose track has no label yet. Before there is a current model, these are all listens: _waiting_listens is
-- empty then.
SELECT
    (SELECT count(*) FROM (
        SELECT 1 AS waiting FROM _waiting_listens
        ORDER BY track_key
        LIMIT :most
    ) AS w)
    + (SELECT count(*) FROM (
        SELECT 1 AS waiting FROM listens
        ORDER BY user_key
        LIMIT (SELECT CASE WHEN count(*) = 0 THEN :most ELSE 0 END FROM models WHERE is_current = 1 AND estimated = 0)
    ) AS l) AS listens;

-- name: count_pending_plays
-- The plays that an export names by artist and title, and whose track is not known yet.
SELECT count(*) FROM (
    SELECT 1 AS waiting FROM named_plays
    WHERE track_key IS NULL
    ORDER BY user_key, ended_at_ms
    LIMIT :most
) AS w;

-- name: count_feature_queue
-- The tracks without audio features.
SELECT count(*) FROM (
    SELECT 1 AS waiting FROM _feature_queue
    ORDER BY due_at_ms
    LIMIT :most
) AS q;

-- name: count_label_queue
-- The tracks with audio features that the current model has not labelled.
SELECT count(*) FROM (
    SELECT 1 AS waiting FROM _label_queue
    ORDER BY track_key
    LIMIT :most
) AS q;

-- name: count_pending_responses
-- The responses of feature sources that are not in a batch yet.
SELECT count(*) FROM _pending_responses;

-- name: count_all_open_gaps
-- The gaps in which listens may be missing.
SELECT count(*) FROM (
    SELECT 1 AS open FROM gaps
    WHERE filled_at_ms IS NULL
    ORDER BY user_key, starts_at_ms
    LIMIT :most
) AS g;

-- name: newest_batches
-- When the newest batches were created, and when their rows were in SQL.
SELECT
    created_at_ms,
    loaded_at_ms
FROM _batches
ORDER BY created_at_ms DESC
LIMIT :most;

-- name: bytes_of_database
-- PostgreSQL only: the size of the database.
SELECT pg_database_size(current_database());

-- name: newest_migration
-- The newest migration that the database has.
SELECT max(name) FROM _schema_migrations
WHERE name < 'view/';

-- name: record_success
-- Record that a flow has succeeded.
INSERT INTO _done_until (step, until_ms) VALUES (:step, :at)
ON CONFLICT (step) DO UPDATE SET until_ms = excluded.until_ms;

-- name: successes
-- When each flow last succeeded.
SELECT
    step,
    until_ms
FROM _done_until
WHERE step LIKE 'flow %'
ORDER BY step;
