-- Partitions of PostgreSQL: `moodlog partition` moves the rows of listens and _mood_days into tables with other
-- partitions, step by step, while other processes read and write the old ones.

-- name: partitions
-- PostgreSQL only: the partitions of tables, which are not tables of their own for people.
SELECT c.relname FROM pg_class AS c
WHERE
    c.relnamespace = to_regnamespace(quote_ident(current_schema()))
    AND c.relispartition AND c.relkind IN ('r', 'p');

-- name: count_partitions
-- PostgreSQL only: the number of partitions of a table; 0 for a table without partitions, or without the table.
SELECT count(*) FROM pg_inherits
WHERE inhparent = to_regclass(:table);

-- name: stored_size
-- PostgreSQL only: the bytes of a table with its indexes, in all partitions.
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class AS c
WHERE
    c.oid = to_regclass(:table)
    OR c.oid IN (SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = to_regclass(:table));

-- name: has_partition_steps
-- PostgreSQL only: whether a move to partitions was begun.
SELECT to_regclass('_partition_steps') IS NOT NULL;

-- name: begin_partition_steps
-- PostgreSQL only: make the tables and the function that a move needs. Pages are copied in steps; people whose rows
-- change in the meantime are copied again.
CREATE TABLE _partition_steps (
    step BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL,
    part TEXT NOT NULL,
    file OID NOT NULL,
    first_page BIGINT NOT NULL,
    last_page BIGINT NOT NULL,
    is_done BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE _partition_changes (person INTEGER NOT NULL);
CREATE FUNCTION note_moving_people() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO _partition_changes (person) SELECT DISTINCT user_key FROM came;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO _partition_changes (person) SELECT DISTINCT user_key FROM went;
    END IF;
    RETURN NULL;
END
$$;

-- name: begin_moving_table
-- PostgreSQL only: make the new table, and note the people whose rows change in the old one.
CREATE TABLE any_new (LIKE any_table INCLUDING ALL) /* hash: PARTITION BY HASH (user_key) */;
CREATE TRIGGER moving_inserted AFTER INSERT ON any_table
REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION note_moving_people();
CREATE TRIGGER moving_updated AFTER UPDATE ON any_table
REFERENCING NEW TABLE AS came OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION note_moving_people();
CREATE TRIGGER moving_deleted AFTER DELETE ON any_table
REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION note_moving_people();

-- name: create_partition
-- PostgreSQL only: add a partition to a table.
CREATE TABLE any_part PARTITION OF any_table FOR VALUES WITH (MODULUS any_modulus, REMAINDER any_remainder); -- noqa: PRS

-- name: plan_partition_steps
-- PostgreSQL only: divide the pages of a table into steps.
INSERT INTO _partition_steps (name, part, file, first_page, last_page)
SELECT
    CAST(:table AS TEXT) AS name,
    c.relname,
    pg_relation_filenode(c.oid) AS file,
    p.first_page,
    p.first_page + :pages AS last_page
FROM pg_class AS c
CROSS JOIN generate_series(
    0, pg_relation_size(c.oid) / CAST(current_setting('block_size') AS BIGINT) - 1, CAST(:pages AS BIGINT)
) AS p (first_page)
WHERE
    (c.oid = to_regclass(:table) AND c.relkind = 'r')
    OR c.oid IN (SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = to_regclass(:table));

-- name: partition_steps
-- PostgreSQL only: the steps of a move.
SELECT
    step,
    name,
    part,
    first_page,
    last_page,
    is_done
FROM _partition_steps
ORDER BY step;

-- name: are_partition_steps_outdated
-- PostgreSQL only: whether a table was rewritten since its pages were divided, as VACUUM FULL does, or has other
-- columns than the new one.
SELECT
    EXISTS (
        SELECT 1 FROM _partition_steps AS s
        WHERE s.file IS DISTINCT FROM pg_relation_filenode(to_regclass(quote_ident(s.part)))
    )
    OR EXISTS (
        SELECT 1 FROM (
            SELECT
                a.attname,
                a.atttypid,
                a.attnotnull
            FROM pg_attribute AS a
            WHERE a.attrelid IN (to_regclass(:table), to_regclass(:new)) AND a.attnum > 0 AND NOT a.attisdropped
        ) AS x
        GROUP BY x.attname, x.atttypid, x.attnotnull
        HAVING count(*) <> 2
    );

-- name: copy_pages
-- PostgreSQL only: copy the rows of some pages. A row that an update has moved to a later page is copied once.
INSERT INTO any_new
SELECT * FROM any_part -- noqa: AM04
WHERE ctid >= CAST(:first AS TID) AND ctid < CAST(:last AS TID)
ON CONFLICT DO NOTHING;

-- name: end_partition_step
-- PostgreSQL only: a step is done.
UPDATE _partition_steps SET is_done = TRUE
WHERE step = :step;

-- name: people_changed_while_moving
-- PostgreSQL only: some people whose rows have changed since they were copied.
SELECT DISTINCT person FROM _partition_changes
LIMIT :limit;

-- name: remove_partition_changes
-- PostgreSQL only: the rows of some people are copied again now.
DELETE FROM _partition_changes
WHERE person = ANY(:ids);

-- name: copy_rows_of_people
-- PostgreSQL only: copy the rows of some people.
INSERT INTO any_new
SELECT * FROM any_table -- noqa: AM04
WHERE user_key = ANY(:ids);

-- name: are_moved_rows_complete
-- PostgreSQL only: whether the new table has as many rows as the old one, of people without changes.
SELECT
    (SELECT count(*) FROM any_table AS o WHERE o.user_key NOT IN (SELECT c.person FROM _partition_changes AS c))
    = (SELECT count(*) FROM any_new AS n WHERE n.user_key NOT IN (SELECT c.person FROM _partition_changes AS c));

-- name: lock_moved_table
-- PostgreSQL only: wait for the transactions that use a table, and let others wait until its rows are in the new one.
LOCK TABLE any_table IN ACCESS EXCLUSIVE MODE;

-- name: limit_lock_waits
-- PostgreSQL only: let this transaction fail if it waits for a lock for longer than two seconds.
SET LOCAL lock_timeout = '2s';

-- name: long_transactions
-- PostgreSQL only: the transactions in this database that have been open for ten seconds.
SELECT format('%s, process %s, open since %s', usename, pid, date_trunc('second', xact_start)) AS name
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start < now() - INTERVAL '10 seconds'
ORDER BY xact_start;

-- name: index_names
-- PostgreSQL only: the names of the indexes of a new table, and of the same indexes of the old one.
SELECT
    n.relname AS new_name,
    o.relname AS old_name
FROM pg_index AS i
INNER JOIN pg_class AS n ON i.indexrelid = n.oid
INNER JOIN pg_index AS j
    ON split_part(pg_get_indexdef(i.indexrelid), ' USING ', 2) = split_part(pg_get_indexdef(j.indexrelid), ' USING ', 2)
INNER JOIN pg_class AS o ON j.indexrelid = o.oid
WHERE i.indrelid = to_regclass(:new) AND j.indrelid = to_regclass(:table);

-- name: definitions_to_move
-- PostgreSQL only: statements that give a new table of the same name what LIKE does not copy: foreign keys and
-- triggers.
SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s', CAST(:table AS TEXT), conname, pg_get_constraintdef(oid)) AS statement
FROM pg_constraint
WHERE conrelid = to_regclass(:table) AND contype = 'f' AND conparentid = 0
UNION ALL
SELECT pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal AND tgname NOT LIKE 'moving\_%';

-- name: replace_table
-- PostgreSQL only: the new table takes the place and the name of the old one.
DROP TABLE any_table;
ALTER TABLE any_new RENAME TO any_table;

-- name: rename_index
-- PostgreSQL only: rename an index.
ALTER INDEX any_old RENAME TO any_new;

-- name: end_moving_table
-- PostgreSQL only: people whose rows change are not noted any more.
DROP TRIGGER IF EXISTS moving_inserted ON any_table;
DROP TRIGGER IF EXISTS moving_updated ON any_table;
DROP TRIGGER IF EXISTS moving_deleted ON any_table;
DROP TABLE IF EXISTS any_new;

-- name: end_partition_steps
-- PostgreSQL only: remove what a move needed.
DROP TABLE _partition_steps;
DROP TABLE _partition_changes;
DROP FUNCTION note_moving_people();
