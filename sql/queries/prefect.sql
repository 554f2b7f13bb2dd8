-- Prefect's own SQLite database in HOME/prefect, for forgetting a person. Its tables and columns are read from the
-- file; tables.sql explains the names that begin with any_. Python adds the function names_person: whether one of some
-- texts names the person.

-- name: prefect_ids
-- The ids of rows that name the person.
SELECT id FROM any_table
WHERE names_person(any_columns);

-- name: prefect_rows
-- The numbers of rows that name the person.
SELECT rowid FROM any_table
WHERE names_person(any_columns);

-- name: prefect_waiting_runs
-- Runs that name the person and have not started.
SELECT
    id,
    parameters
FROM flow_run
WHERE run_count = 0 AND state_type = 'SCHEDULED' AND names_person(any_columns);

-- name: prefect_ended_runs
-- Runs that have ended: all, or those that name the person.
SELECT
    id,
    parameters
FROM flow_run
WHERE
    /* of_person: names_person(any_columns) AND */
    state_type IN ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED');

-- name: set_prefect_parameters
-- Replace the parameters of a run.
UPDATE flow_run SET parameters = :parameters
WHERE id = :id;

-- name: delete_prefect_runs
-- Delete the rows of some runs.
DELETE FROM any_table
WHERE any_column = ANY(:ids);

-- name: delete_prefect_rows
-- Delete those of some rows that still name the person.
DELETE FROM any_table
WHERE rowid = ANY(:ids) AND names_person(any_columns);

-- name: prefect_texts
-- The texts of a row.
SELECT any_columns FROM any_table
WHERE rowid = :row;

-- name: set_prefect_text
-- Replace a text of a row.
UPDATE any_table SET any_column = :value
WHERE rowid = :row;
