-- The database itself: the mark of a move to another one, time zones, and locks.

-- name: move_marks
-- Whether this database was moved to another one, or is the unfinished target of a move.
SELECT
    direction,
    other
FROM _database_moves;

-- name: move_mark
-- The other database of a move in one direction.
SELECT other FROM _database_moves
WHERE direction = :direction;

-- name: mark_move
-- Mark this database as moved (to) or as the unfinished target of a move (from).
INSERT INTO _database_moves (direction, other, at_ms) VALUES (:direction, :other, :at);

-- name: remove_move_marks
-- This database is in use.
DELETE FROM _database_moves;

-- name: lock_for_move
-- PostgreSQL only: block all writes while the rows are copied.
LOCK TABLE users, _accounts, _batches, _api_calls IN EXCLUSIVE MODE;

-- name: rows_in_use
-- Whether a database has a history: the number of people, batches and accounts.
SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM _batches) + (SELECT count(*) FROM _accounts);

-- name: identity_columns
-- PostgreSQL only: the columns with values that the database generates.
SELECT
    table_name,
    column_name
FROM information_schema.columns
WHERE table_schema = current_schema() AND is_identity = 'YES';

-- name: is_connection_encrypted
-- PostgreSQL only: whether this connection uses TLS.
SELECT ssl FROM pg_stat_ssl
WHERE pid = pg_backend_pid();

-- name: utc_offsets
-- The stored offsets from UTC of a time zone, oldest first.
SELECT
    starts_at_ms,
    ends_at_ms,
    offset_s
FROM _utc_offsets
WHERE timezone = :name
ORDER BY starts_at_ms;

-- name: utc_offsets_in_use
-- The stored offsets of every time zone that a person has or had. A row of a person stores those of its zone.
SELECT
    timezone,
    starts_at_ms,
    ends_at_ms,
    offset_s
FROM _utc_offsets
ORDER BY timezone, starts_at_ms;

-- name: remove_utc_offsets
-- Remove a time zone's offsets.
DELETE FROM _utc_offsets
WHERE timezone = :name;

-- name: add_utc_offset
-- Add a period of one offset.
INSERT INTO _utc_offsets (timezone, starts_at_ms, ends_at_ms, offset_s) VALUES (:name, :start, :end, :offset);

-- name: people_in_zone
-- The people with a time zone.
SELECT user_key FROM users
WHERE timezone = :name;

-- name: time_zones_of
-- The time zones of some people.
SELECT
    user_key,
    user_id,
    timezone
FROM users
WHERE user_id = ANY(:ids);

-- name: foreign_tables
-- PostgreSQL only: the tables of the schema in which tables are made, without those of extensions such as PostGIS.
SELECT c.relname FROM pg_class AS c
WHERE
    c.relnamespace = to_regnamespace(quote_ident(current_schema()))
    AND c.relkind IN ('r', 'p', 'f')
    AND NOT EXISTS (
        SELECT 1 FROM pg_depend AS d
        WHERE d.classid = CAST('pg_class' AS REGCLASS) AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY c.relname;

-- name: rename_migrations_table
-- Earlier versions called the table of applied migrations by another name.
ALTER TABLE schema_migrations RENAME TO _schema_migrations;

-- name: create_migrations_table
-- The table of applied migrations and views.
CREATE TABLE IF NOT EXISTS _schema_migrations (
    name TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    applied_at_ms BIGINT NOT NULL
);

-- name: lock_migrations
-- PostgreSQL only: wait for the transactions that load rows, and let others wait until the migration is committed.
LOCK TABLE _schema_migrations IN ACCESS EXCLUSIVE MODE;

-- name: count_migrations
-- The number of applied migrations, without views.
SELECT count(*) FROM _schema_migrations
WHERE name < 'view/';

-- name: migrations
-- The applied migrations, without views.
SELECT name FROM _schema_migrations
WHERE name < 'view/'
ORDER BY name;

-- name: applied_migrations
-- The applied migrations and the views, with the digests of their files.
SELECT
    name,
    sha256
FROM _schema_migrations;

-- name: record_migration
-- Record an applied migration or a view.
INSERT INTO _schema_migrations (name, sha256, applied_at_ms) VALUES (:name, :sha256, :at)
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at_ms = excluded.applied_at_ms;

-- name: remove_view_records
-- Remove the records of views, before the views are made again.
DELETE FROM _schema_migrations
WHERE name LIKE 'view/%';

-- name: set_loading
-- PostgreSQL only: mark this transaction for the triggers as a load, which has looked up each row's keys.
SELECT set_config('moodlog.loading', 'on', TRUE);

-- name: database_position
-- PostgreSQL only: this database, its cluster, and the position of the newest change.
SELECT
    current_database() AS name,
    c.system_identifier AS cluster,
    CAST(pg_current_wal_insert_lsn() AS TEXT) AS position
FROM pg_control_system() AS c;

-- name: replica_position
-- PostgreSQL only: a replica, its cluster, and how far behind a position of the main database it is. The seconds are
-- those since the newest replayed commit.
SELECT
    current_database() AS name,
    c.system_identifier AS cluster,
    pg_is_in_recovery() AS is_replica,
    CAST(pg_wal_lsn_diff(CAST(:position AS PG_LSN), pg_last_wal_replay_lsn()) AS BIGINT) AS behind_bytes,
    extract(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS behind_s
FROM pg_control_system() AS c;

-- name: has_replayed
-- PostgreSQL only: whether a replica has every change up to a position of the main database.
SELECT pg_last_wal_replay_lsn() >= CAST(:position AS PG_LSN);
