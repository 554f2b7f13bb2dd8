-- What only SQLite has: the beginning of a transaction, settings, the care of the file, and its lists of tables and
-- columns.

-- name: begin_transaction
-- Begin a transaction that reads, one that writes and waits for another writer, or one that keeps out even readers.
BEGIN /* immediate: IMMEDIATE */ /* exclusive: EXCLUSIVE */; -- noqa: CV06

-- name: check_foreign_keys
-- Check foreign keys from the next transaction on.
PRAGMA foreign_keys = ON;

-- name: trust_foreign_keys
-- Check no foreign keys from the next transaction on.
PRAGMA foreign_keys = OFF;

-- name: commit_to_disk
-- A commit survives a power cut.
PRAGMA synchronous = FULL;

-- name: commit_quickly
-- A power cut can lose the last commits.
PRAGMA synchronous = NORMAL;

-- name: has_square_root
-- Fails where SQLite was built without mathematical functions.
SELECT sqrt(4);

-- name: find_damage
-- Read every page; the first error, or "ok".
PRAGMA quick_check (1);

-- name: empty_log
-- Move everything from the write-ahead log to the file and empty it; the first column is 1 if a reader prevented that.
PRAGMA wal_checkpoint (TRUNCATE);

-- name: vacuum_file
-- Write the file again without what deleted rows left in it.
VACUUM;

-- name: vacuum_into
-- Write a copy of the committed rows to a new file.
VACUUM INTO :file;

-- name: sqlite_tables
-- The tables of a SQLite file, without SQLite's own.
SELECT name FROM sqlite_master
WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
ORDER BY name;

-- name: sqlite_columns
-- The columns of a table of a SQLite file, with their types.
SELECT
    name,
    type
FROM pragma_table_info(:table);
