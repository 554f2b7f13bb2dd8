-- A rebuild on PostgreSQL fills the tables of a second schema, while the others are in use. In the end its tables
-- replace the others.

-- name: second_schema
-- PostgreSQL only: the name of the second schema, quoted; whether the name is short enough, whether a schema has it,
-- whether a rebuild has made that, and whether it may be made.
SELECT
    quote_ident(s.name) AS name,
    octet_length(s.name) < 64 AS is_short,
    n.oid IS NOT NULL AS is_there,
    octet_length(s.name) < 64
    AND coalesce(obj_description(n.oid, 'pg_namespace') = 'moodlog rebuild', FALSE) AS is_ours,
    has_database_privilege(current_database(), 'CREATE') AS may_be_made
FROM (SELECT current_schema() || '_rebuild' AS name) AS s
LEFT JOIN pg_namespace AS n ON s.name = n.nspname;

-- name: create_schema
-- PostgreSQL only: make a schema.
CREATE SCHEMA any_schema;
COMMENT ON SCHEMA any_schema IS 'moodlog rebuild';

-- name: drop_schema
-- PostgreSQL only: remove a schema with everything in it.
DROP SCHEMA IF EXISTS any_schema CASCADE;

-- name: begin_rebuild_steps
-- PostgreSQL only: what the second schema is made from, the files to load, and the shares of the people that each was
-- loaded for.
CREATE TABLE _rebuild_origin (fingerprint TEXT NOT NULL, shares INTEGER NOT NULL, counted BOOLEAN NOT NULL);
CREATE TABLE _rebuild_files (place INTEGER NOT NULL, path TEXT PRIMARY KEY);
CREATE TABLE _rebuild_steps (path TEXT NOT NULL, share INTEGER NOT NULL, PRIMARY KEY (path, share));

-- name: set_rebuild_origin
-- PostgreSQL only: the second schema is ready to be filled.
INSERT INTO _rebuild_origin (fingerprint, shares, counted) VALUES (:fingerprint, :shares, FALSE);

-- name: plan_rebuild_files
-- PostgreSQL only: load this file.
INSERT INTO _rebuild_files (place, path) VALUES (:place, :path);

-- name: rebuild_files
-- PostgreSQL only: the files to load, in order.
SELECT path FROM _rebuild_files
ORDER BY place;

-- name: rebuild_steps
-- PostgreSQL only: the files that are loaded for a share.
SELECT path FROM _rebuild_steps
WHERE share = :share;

-- name: has_rebuild_origin
-- PostgreSQL only: whether the second schema was ready to be filled.
SELECT to_regclass('_rebuild_origin') IS NOT NULL;

-- name: rebuild_origin
-- PostgreSQL only: what the second schema is made from, for how many shares, and whether its rows are counted.
SELECT
    fingerprint,
    shares,
    counted
FROM _rebuild_origin;

-- name: end_counting
-- PostgreSQL only: the rows of the second schema are counted; later batches are added to the counts.
UPDATE _rebuild_origin SET counted = TRUE;

-- name: enter_rebuild_step
-- PostgreSQL only: a file is loaded for a share; returns nothing if it was. A second process waits here for the first.
INSERT INTO _rebuild_steps (path, share) VALUES (:path, :share)
ON CONFLICT (path, share) DO NOTHING
RETURNING share;

-- name: rebuild_fingerprint
-- PostgreSQL only: a digest of what a rebuild begins with. If it changes, the rebuild starts again.
SELECT
    md5(concat_ws('/', p.partitions, (
        SELECT string_agg(concat_ws(' ', m.name, m.sha256), ',' ORDER BY m.name) FROM _schema_migrations AS m
    ), (
        SELECT
            string_agg(
                concat_ws(' ', m.model_key, m.model_version, m.is_current, m.weights_sha256), ',' ORDER BY m.model_key
            )
        FROM models AS m
    ), (
        SELECT string_agg(concat_ws(' ', f.person_hash, f.forgotten_at_ms, f.lifted_at_ms), ',' ORDER BY f.person_hash)
        FROM forgotten AS f
    )))
FROM (SELECT count(*) AS partitions FROM pg_inherits WHERE inhparent = to_regclass('listens')) AS p;

-- name: copy_table
-- PostgreSQL only: copy a table to the second schema.
INSERT INTO any_schema.any_table (any_columns) SELECT any_columns FROM any_table
ON CONFLICT DO NOTHING;

-- name: continue_copied_keys
-- PostgreSQL only: generate new keys after the copied ones.
SELECT setval(pg_get_serial_sequence(:table, 'any_column'), max(any_column)) FROM any_schema.any_table;

-- name: add_users_of_table
-- PostgreSQL only: add the people of a table to the second schema who are not in the lake.
INSERT INTO any_schema.users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms)
SELECT DISTINCT
    u.user_id,
    u.user_id AS display_name,
    'UTC' AS timezone,
    0 AS connected_at_ms,
    0 AS recorded_at_ms
FROM any_table AS o
INNER JOIN users AS u ON o.user_key = u.user_key
ON CONFLICT (user_id) DO NOTHING;

-- name: copy_rows_with_person
-- PostgreSQL only: copy a table to the second schema, in which people have other keys.
INSERT INTO any_schema.any_table (any_columns)
SELECT any_values FROM any_table AS o -- noqa: RF02
INNER JOIN users AS u ON o.user_key = u.user_key
INNER JOIN any_schema.users AS n ON u.user_id = n.user_id;

-- name: copy_tombstones
-- PostgreSQL only: the tombstones of this schema count.
INSERT INTO any_schema.forgotten (person_hash, hash_key, forgotten_at_ms, lifted_at_ms)
SELECT
    person_hash,
    hash_key,
    forgotten_at_ms,
    lifted_at_ms
FROM forgotten
ON CONFLICT (person_hash) DO UPDATE SET
    forgotten_at_ms = excluded.forgotten_at_ms,
    lifted_at_ms = excluded.lifted_at_ms;

-- name: copy_unfound_people
-- PostgreSQL only: what the rebuild has recorded about tombstones of people whom no run here began to forget.
INSERT INTO _done_until (step, until_ms)
SELECT
    o.step,
    o.until_ms
FROM any_schema._done_until AS o
ON CONFLICT (step) DO NOTHING;

-- name: dependents_of_tables
-- PostgreSQL only: what others have made that depends on our tables and views, so that ours cannot be replaced: views,
-- functions, foreign keys, policies, publications, statistics and columns.
WITH views (name) AS (
    SELECT substr(name, strpos(name, '_') + 1) FROM _schema_migrations
    WHERE name LIKE 'view/%'
),

ours AS (
    SELECT
        c.oid,
        c.relname,
        c.relkind,
        c.relnamespace
    FROM pg_class AS c
    WHERE
        c.relnamespace = to_regnamespace(quote_ident(current_schema()))
        AND (c.relname = ANY(:tables) OR c.relname IN (SELECT w.name FROM views AS w))
),

others AS (
    SELECT
        CAST('pg_class' AS REGCLASS) AS classid,
        r.ev_class AS objid
    FROM pg_depend AS d
    INNER JOIN ours AS t ON d.refclassid = CAST('pg_class' AS REGCLASS) AND d.refobjid = t.oid
    INNER JOIN pg_rewrite AS r ON d.classid = CAST('pg_rewrite' AS REGCLASS) AND d.objid = r.oid
    WHERE r.ev_class NOT IN (SELECT o.oid FROM ours AS o)
    UNION
    SELECT
        d.classid,
        d.objid
    FROM pg_depend AS d
    INNER JOIN ours AS t ON d.refclassid = CAST('pg_class' AS REGCLASS) AND d.refobjid = t.oid
    WHERE
        d.classid IN (
            CAST('pg_proc' AS REGCLASS), CAST('pg_policy' AS REGCLASS), CAST('pg_publication_rel' AS REGCLASS),
            CAST('pg_statistic_ext' AS REGCLASS)
        )
    UNION
    SELECT
        CAST('pg_constraint' AS REGCLASS) AS classid,
        f.oid AS objid
    FROM pg_constraint AS f
    INNER JOIN ours AS t ON f.confrelid = t.oid
    INNER JOIN pg_class AS c ON f.conrelid = c.oid
    WHERE NOT (c.relnamespace = t.relnamespace AND (c.relname = ANY(:tables) OR c.relispartition))
)

SELECT x.type || ' ' || x.identity AS name FROM others AS o
CROSS JOIN pg_identify_object(o.classid, o.objid, 0) AS x (type, schema, name, identity)
UNION
SELECT 'column ' || quote_ident(a.attname) || ' of ' || quote_ident(t.relname) AS name FROM ours AS t
INNER JOIN pg_attribute AS a ON t.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
INNER JOIN pg_class AS n
    ON t.relname = n.relname AND n.relnamespace = to_regnamespace(quote_ident(current_schema() || '_rebuild'))
WHERE
    t.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT 1 FROM pg_attribute AS m WHERE m.attrelid = n.oid AND a.attname = m.attname)
ORDER BY name;

-- name: definitions_to_keep
-- PostgreSQL only: statements that give the new tables and views what was added to the present ones by hand: owners,
-- settings, indexes and triggers.
WITH ours AS (
    SELECT
        c.*, -- noqa: AM04
        n.oid AS new_oid
    FROM pg_class AS c
    LEFT JOIN pg_class AS n
        ON c.relname = n.relname AND n.relnamespace = to_regnamespace(quote_ident(current_schema() || '_rebuild'))
    WHERE
        c.relnamespace = to_regnamespace(quote_ident(current_schema()))
        AND (
            c.relname = ANY(:tables)
            OR c.relname IN (
                SELECT substr(m.name, strpos(m.name, '_') + 1) FROM _schema_migrations AS m
                WHERE m.name LIKE 'view/%'
            )
        )
)

SELECT format('ALTER TABLE %I OWNER TO %I', c.relname, pg_get_userbyid(c.relowner)) AS statement
FROM ours AS c
WHERE c.relkind <> 'v' AND pg_get_userbyid(c.relowner) <> current_user
UNION ALL
SELECT format('ALTER TABLE %I SET (%s)', c.relname, array_to_string(c.reloptions, ', ')) FROM ours AS c
WHERE c.relkind = 'r' AND c.reloptions IS NOT NULL
UNION ALL
SELECT replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') FROM ours AS c
INNER JOIN pg_index AS i ON c.oid = i.indrelid
INNER JOIN pg_class AS x ON i.indexrelid = x.oid
WHERE
    NOT EXISTS (
        SELECT 1 FROM pg_index AS j
        INNER JOIN pg_class AS y ON j.indexrelid = y.oid
        WHERE j.indrelid = c.new_oid AND x.relname = y.relname
    )
UNION ALL
SELECT pg_get_triggerdef(g.oid) FROM ours AS c
INNER JOIN pg_trigger AS g ON c.oid = g.tgrelid
WHERE
    NOT g.tgisinternal
    AND NOT EXISTS (SELECT 1 FROM pg_trigger AS h WHERE h.tgrelid = c.new_oid AND g.tgname = h.tgname);

-- name: grants_to_keep
-- PostgreSQL only: statements that give new tables, and the views, the grants of the present ones.
WITH ours AS (
    SELECT c.* FROM pg_class AS c -- noqa: AM04
    WHERE
        c.relnamespace = to_regnamespace(quote_ident(current_schema()))
        AND (
            c.relname = ANY(:tables)
            OR c.relname IN (
                SELECT substr(m.name, strpos(m.name, '_') + 1) FROM _schema_migrations AS m
                WHERE m.name LIKE 'view/%'
            )
        )
)

SELECT
    format(
        'GRANT %s%s ON %I TO %s%s',
        a.privilege_type,
        '(' || quote_ident(a.attname) || ')',
        a.relname,
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END
    )
FROM (
    SELECT
        c.relname,
        c.relowner,
        NULL AS attname,
        x.*
    FROM ours AS c
    CROSS JOIN aclexplode(c.relacl) AS x
    UNION ALL
    SELECT
        c.relname,
        c.relowner,
        b.attname,
        x.*
    FROM ours AS c
    INNER JOIN pg_attribute AS b ON c.oid = b.attrelid
    CROSS JOIN aclexplode(b.attacl) AS x
) AS a
WHERE a.grantee <> a.relowner;

-- name: statements_to_replace_tables
-- PostgreSQL only: statements that put the tables and functions of the second schema in the place of those of this one.
WITH schemas AS (
    SELECT
        current_schema() AS old_name,
        current_schema() || '_rebuild' AS new_name,
        to_regnamespace(quote_ident(current_schema())) AS old,
        to_regnamespace(quote_ident(current_schema() || '_rebuild')) AS new
),

tables AS (
    SELECT c.* FROM pg_class AS c -- noqa: AM04
    WHERE
        c.relnamespace = (SELECT s.new FROM schemas AS s) AND c.relkind IN ('r', 'p')
        AND (c.relispartition OR c.relname = ANY(:tables))
),

functions AS (
    SELECT
        p.proname,
        pg_get_function_identity_arguments(p.oid) AS arguments
    FROM pg_proc AS p
    WHERE p.pronamespace = (SELECT s.new FROM schemas AS s)
)

SELECT x.statement FROM (
    SELECT
        1 AS step,
        'DROP TABLE ' || string_agg(format('%I.%I', s.old_name, c.relname), ', ') AS statement
    FROM tables AS c
    CROSS JOIN schemas AS s
    WHERE
        NOT c.relispartition
        AND EXISTS (SELECT 1 FROM pg_class AS o WHERE o.relnamespace = s.old AND c.relname = o.relname)
    UNION ALL
    SELECT
        2 AS step,
        format('DROP FUNCTION IF EXISTS %I.%I(%s)', s.old_name, f.proname, f.arguments) AS statement
    FROM functions AS f
    CROSS JOIN schemas AS s
    UNION ALL
    SELECT
        3 AS step,
        format('ALTER FUNCTION %I.%I(%s) SET SCHEMA %I', s.new_name, f.proname, f.arguments, s.old_name) AS statement
    FROM functions AS f
    CROSS JOIN schemas AS s
    UNION ALL
    SELECT
        4 AS step,
        format('ALTER TABLE %I.%I SET SCHEMA %I', s.new_name, c.relname, s.old_name) AS statement
    FROM tables AS c
    CROSS JOIN schemas AS s
    UNION ALL
    SELECT
        5 AS step,
        format('DROP SCHEMA %I CASCADE', s.new_name) AS statement
    FROM schemas AS s
) AS x
ORDER BY x.step;
