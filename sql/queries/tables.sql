-- Statements for any table. Python fills in the names of tables and columns, which it reads from the database:
-- query("count_rows", table="users") puts users in the place of any_table.

-- name: count_rows
-- The number of rows.
SELECT count(*) FROM any_table;

-- name: all_rows
-- The columns of all rows.
SELECT any_columns FROM any_table;

-- name: delete_rows
-- Delete every row.
DELETE FROM any_table;

-- name: insert_row
-- Insert one row.
INSERT INTO any_table (any_columns) VALUES (any_values);

-- name: fill_staging
-- PostgreSQL only: insert the rows that the client sends.
COPY staging (any_columns) FROM STDIN WITH (FORMAT csv);

-- name: drop_staging
-- PostgreSQL only: the next rows of this transaction have other columns.
DROP TABLE staging;

-- name: copy_rows
-- PostgreSQL only: insert the rows that the client sends.
COPY any_table (any_columns) FROM STDIN;

-- name: continue_keys
-- PostgreSQL only: generate new keys after the existing ones.
SELECT setval(pg_get_serial_sequence('any_table', 'any_column'), max(any_column)) FROM any_table;

-- name: rows_with_person
-- All rows, with the ids of their people beside the keys.
SELECT
    o.*, -- noqa: AM04
    u.user_id
FROM any_table AS o
INNER JOIN users AS u ON o.user_key = u.user_key;

-- name: delete_rows_of_person
-- Delete a person's rows.
DELETE FROM any_table
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id);

-- name: keys_of_nobody
-- The keys of people in a table that are not stored: each key is looked up after the one before, so that no other row
-- is read. The table has an index that begins with the person.
WITH RECURSIVE keys (user_key) AS (
    SELECT min(user_key) FROM any_table
    UNION ALL
    SELECT (SELECT min(t.user_key) FROM any_table AS t WHERE t.user_key > k.user_key) FROM keys AS k
    WHERE k.user_key IS NOT NULL
)

SELECT k.user_key FROM keys AS k
WHERE k.user_key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM users AS u WHERE u.user_key = k.user_key);

-- name: all_keys_of_nobody
-- The keys of people in any table that are not stored.
SELECT DISTINCT t.user_key FROM any_table AS t
WHERE NOT EXISTS (SELECT 1 FROM users AS u WHERE u.user_key = t.user_key);

-- name: delete_rows_of_keys
-- Delete the rows of some people, by key.
DELETE FROM any_table
WHERE user_key = ANY(:ids);

-- name: count_rows_of_nobody
-- The number of rows whose person is not stored.
SELECT count(*) FROM any_table
WHERE user_key NOT IN (SELECT u.user_key FROM users AS u);

-- name: delete_rows_of_tracks
-- Delete the rows of some tracks.
DELETE FROM any_table
WHERE track_key = ANY(:ids);

-- name: drop_view
-- Remove a view.
DROP VIEW IF EXISTS any_view;

-- name: comment_on_table
-- PostgreSQL only: set the comment of a table.
COMMENT ON TABLE any_table IS 'any_text';

-- name: comment_on_view
-- PostgreSQL only: set the comment of a view.
COMMENT ON VIEW any_view IS 'any_text';

-- name: comment_on_column
-- PostgreSQL only: set the comment of a column of a view.
COMMENT ON COLUMN any_view.any_column IS 'any_text';

-- name: describe_view
-- Add a row to the table behind the view data_dictionary.
INSERT INTO _view_columns (view_name, place, column_name, meaning) VALUES (:view, :place, :column, :meaning);

-- name: tables_with_old_statistics
-- PostgreSQL only: the tables of which a tenth of the rows has changed since their statistics were updated, or came
-- into their partitions: autovacuum updates the statistics of these alone.
SELECT format('%I.%I', s.schemaname, s.relname) AS name FROM pg_stat_user_tables AS s
WHERE
    s.schemaname = current_schema()
    AND (
        s.n_mod_since_analyze > 1000 + s.n_live_tup / 10
        OR (
            SELECT sum(p.reltuples) FROM pg_inherits AS i
            INNER JOIN pg_class AS p ON i.inhrelid = p.oid
            WHERE i.inhparent = s.relid
        ) > (SELECT 1000 + 1.1 * greatest(c.reltuples, 0) FROM pg_class AS c WHERE c.oid = s.relid)
    );

-- name: update_statistics
-- PostgreSQL only: update the statistics of some tables for the query planner.
ANALYZE any_tables;

-- name: create_staging
-- PostgreSQL only: the temporary table of a batch.
CREATE TEMPORARY TABLE staging (any_columns) ON COMMIT DROP; -- noqa: PRS
