-- Prefect's own SQLite database in HOME/prefect, for forgetting a person. Its tables and columns are read from the
-- file; tables.sql explains the names that begin with any_. any_condition selects the rows that name the person.

-- name: sqlite_tables
-- The tables of a SQLite file.
SELECT name FROM sqlite_master
WHERE type = 'table'
ORDER BY name;

-- name: sqlite_columns
-- The columns of a table of a SQLite file, with their types.
SELECT
    name,
    type
FROM pragma_table_info(:table);

-- name: prefect_ids
-- The ids of matching rows.
SELECT id FROM any_table
WHERE any_condition;

-- name: prefect_rows
-- The row numbers of matching rows.
SELECT rowid FROM any_table
WHERE any_condition;

-- name: prefect_waiting_runs
-- Matching runs that have not started.
SELECT
    id,
    parameters
FROM flow_run
WHERE run_count = 0 AND state_type = 'SCHEDULED' AND (any_condition);

-- name: prefect_ended_runs
-- Matching runs that have ended.
SELECT
    id,
    parameters
FROM flow_run
WHERE state_type IN ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED') AND (any_condition);

-- name: set_prefect_parameters
-- Replace the parameters of a run.
UPDATE flow_run SET parameters = :parameters
WHERE id = :id;

-- name: delete_prefect_runs
-- Delete the rows of some runs.
DELETE FROM any_table
WHERE any_column = ANY(:ids);

-- name: delete_prefect_rows
-- Delete those of some rows that still match.
DELETE FROM any_table
WHERE rowid = ANY(:ids) AND (any_condition);

-- name: prefect_texts
-- The texts of a row.
SELECT any_columns FROM any_table
WHERE rowid = :row;

-- name: set_prefect_text
-- Replace a text of a row.
UPDATE any_table SET any_column = :value
WHERE rowid = :row;
