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
CREATE TABLE _rebuild_origin (fingerprint TEXT NOT NULL, shares INTEGER NOT NULL, loaded BOOLEAN NOT NULL);
CREATE TABLE _rebuild_files (place INTEGER NOT NULL, path TEXT PRIMARY KEY);
CREATE TABLE _rebuild_steps (path TEXT NOT NULL, share INTEGER NOT NULL, PRIMARY KEY (path, share));

-- name: set_rebuild_origin
-- PostgreSQL only: the second schema is ready to be filled.
INSERT INTO _rebuild_origin (fingerprint, shares, loaded) VALUES (:fingerprint, :shares, FALSE);

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
-- PostgreSQL only: what the second schema is made from, for how many shares, and whether all its files are loaded.
SELECT
    fingerprint,
    shares,
    loaded
FROM _rebuild_origin;

-- name: end_loading
-- PostgreSQL only: all files are loaded into the second schema.
UPDATE _rebuild_origin SET loaded = TRUE;

-- name: uncounted_people
-- PostgreSQL only: the people of a share whose listens are not counted yet, and those without listens.
SELECT
    user_key,
    timezone
FROM users
WHERE
    user_key % :shares = :number
    AND user_key NOT IN (SELECT t.user_key FROM _listen_totals AS t)
ORDER BY user_key;

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

-- name: names_of_views
-- PostgreSQL only: the names of moodlog's views.
SELECT substr(name, strpos(name, '_') + 1) AS name FROM _schema_migrations
WHERE name LIKE 'view/%';

-- name: dependents_of_tables
-- PostgreSQL only: what others have made that depends on our tables and views, so that ours cannot be replaced: views,
-- functions, tables, foreign keys, policies, rules, publications, statistics and columns.
WITH ours AS (
    SELECT
        c.oid,
        c.relname,
        c.relkind,
        c.relnamespace
    FROM pg_class AS c
    WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relname = ANY(:tables)
),

depending AS (
    SELECT
        d.classid,
        d.objid
    FROM ours AS t
    INNER JOIN pg_depend AS d ON d.refclassid = CAST('pg_class' AS REGCLASS) AND t.oid = d.refobjid
    UNION ALL
    SELECT
        d.classid,
        d.objid
    FROM ours AS t
    INNER JOIN pg_type AS y ON t.oid = y.typrelid
    INNER JOIN pg_depend AS d ON d.refclassid = CAST('pg_type' AS REGCLASS) AND d.refobjid IN (y.oid, y.typarray)
),

others AS (
    SELECT
        CAST('pg_class' AS REGCLASS) AS classid,
        r.ev_class AS objid
    FROM depending AS d
    INNER JOIN pg_rewrite AS r ON d.classid = CAST('pg_rewrite' AS REGCLASS) AND d.objid = r.oid
    WHERE r.ev_class NOT IN (SELECT o.oid FROM ours AS o)
    UNION
    SELECT
        d.classid,
        r.oid AS objid
    FROM depending AS d
    INNER JOIN pg_rewrite AS r ON d.classid = CAST('pg_rewrite' AS REGCLASS) AND d.objid = r.oid
    WHERE r.rulename <> '_RETURN' AND r.ev_class IN (SELECT o.oid FROM ours AS o)
    UNION
    SELECT
        d.classid,
        d.objid
    FROM depending AS d
    WHERE
        d.classid IN (
            CAST('pg_proc' AS REGCLASS), CAST('pg_policy' AS REGCLASS), CAST('pg_publication_rel' AS REGCLASS),
            CAST('pg_statistic_ext' AS REGCLASS)
        )
    UNION
    SELECT
        d.classid,
        d.objid
    FROM depending AS d
    INNER JOIN pg_class AS c ON d.classid = CAST('pg_class' AS REGCLASS) AND d.objid = c.oid
    WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.oid NOT IN (SELECT o.oid FROM ours AS o)
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
    AND NOT EXISTS (
        SELECT 1 FROM pg_attribute AS m
        WHERE m.attrelid = n.oid AND a.attname = m.attname AND a.atttypid = m.atttypid AND a.attnotnull = m.attnotnull
    )
ORDER BY name;

-- name: drop_foreign_keys
-- PostgreSQL only: statements that remove the foreign keys of the second schema until its rows are loaded: a key that
-- was looked up is not checked again for each row.
SELECT format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, c.relname, f.conname) AS statement
FROM pg_constraint AS f
INNER JOIN pg_class AS c ON f.conrelid = c.oid
INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid
WHERE n.nspname = current_schema() || '_rebuild' AND f.contype = 'f' AND f.conparentid = 0;

-- name: definitions_of_new_tables
-- PostgreSQL only: statements that give the tables of the second schema, which may be empty, what these tables have and
-- those do not: constraints, indexes, settings, tablespaces, statistics targets and comments of columns.
WITH tables AS (
    SELECT
        o.oid AS old,
        n.oid AS new,
        o.relname,
        format('%I.%I', current_schema() || '_rebuild', n.relname) AS target
    FROM pg_class AS o
    INNER JOIN pg_class AS n
        ON o.relname = n.relname AND n.relnamespace = to_regnamespace(quote_ident(current_schema() || '_rebuild'))
    WHERE
        o.relnamespace = to_regnamespace(quote_ident(current_schema()))
        AND o.relkind IN ('r', 'p') AND o.relkind = n.relkind AND (o.relname = ANY(:tables) OR o.relispartition)
),

stored AS (
    SELECT
        old,
        new,
        'TABLE ' || target AS target
    FROM tables
    UNION ALL
    SELECT
        o.oid AS old,
        n.oid AS new,
        format('INDEX %I.%I', current_schema() || '_rebuild', n.relname) AS target
    FROM tables AS t
    INNER JOIN pg_index AS i ON t.old = i.indrelid
    INNER JOIN pg_class AS o ON i.indexrelid = o.oid
    INNER JOIN pg_index AS j ON t.new = j.indrelid
    INNER JOIN pg_class AS n ON j.indexrelid = n.oid AND o.relname = n.relname
),

columns AS (
    SELECT
        format('ALTER TABLE %s ALTER COLUMN %I SET ', t.target, a.attname) AS changed,
        format('%s.%I', t.target, a.attname) AS target,
        a.attname,
        coalesce(a.attstattarget, -1) AS samples,
        coalesce(b.attstattarget, -1) AS new_samples,
        a.attstorage AS storage,
        b.attstorage AS new_storage,
        a.attcompression AS compression,
        b.attcompression AS new_compression,
        a.attoptions AS options,
        b.attoptions AS new_options,
        col_description(a.attrelid, a.attnum) AS meaning,
        col_description(b.attrelid, b.attnum) AS new_meaning
    FROM tables AS t
    INNER JOIN pg_attribute AS a ON t.old = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
    INNER JOIN pg_attribute AS b ON t.new = b.attrelid AND a.attname = b.attname
)

SELECT x.statement FROM (
    SELECT
        1 AS step,
        format('ALTER %s SET TABLESPACE %I', s.target, coalesce(p.spcname, 'pg_default')) AS statement
    FROM stored AS s
    INNER JOIN pg_class AS o ON s.old = o.oid
    INNER JOIN pg_class AS n ON s.new = n.oid AND o.reltablespace <> n.reltablespace
    LEFT JOIN pg_database AS d ON d.datname = current_database()
    LEFT JOIN pg_tablespace AS p ON p.oid = CASE o.reltablespace WHEN 0 THEN d.dattablespace ELSE o.reltablespace END
    UNION ALL
    SELECT
        1 AS step,
        format('ALTER %s SET (%s)', s.target, array_to_string(o.reloptions, ', ')) AS statement
    FROM stored AS s
    INNER JOIN pg_class AS o ON s.old = o.oid
    INNER JOIN pg_class AS n ON s.new = n.oid
    WHERE o.reloptions IS NOT NULL AND o.reloptions IS DISTINCT FROM n.reloptions
    UNION ALL
    SELECT
        1 AS step,
        format('ALTER %s SET (toast.%s)', s.target, array_to_string(u.reloptions, ', toast.')) AS statement
    FROM stored AS s
    INNER JOIN pg_class AS o ON s.old = o.oid
    INNER JOIN pg_class AS u ON o.reltoastrelid = u.oid
    INNER JOIN pg_class AS n ON s.new = n.oid
    INNER JOIN pg_class AS v ON n.reltoastrelid = v.oid
    WHERE u.reloptions IS NOT NULL AND u.reloptions IS DISTINCT FROM v.reloptions
    UNION ALL
    SELECT
        1 AS step,
        format(
            'ALTER %s REPLICA IDENTITY %s', s.target, CASE o.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END
        ) AS statement
    FROM stored AS s
    INNER JOIN pg_class AS o ON s.old = o.oid AND o.relkind IN ('r', 'p')
    INNER JOIN pg_class AS n ON s.new = n.oid AND o.relreplident <> n.relreplident
    WHERE o.relreplident IN ('f', 'n')
    UNION ALL
    SELECT
        1 AS step,
        CASE k.kind
            WHEN 'samples' THEN c.changed || 'STATISTICS ' || c.samples
            WHEN 'storage'
                THEN
                    c.changed || 'STORAGE '
                    || CASE c.storage
                        WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED'
                    END
            WHEN 'compression'
                THEN
                    c.changed || 'COMPRESSION '
                    || CASE c.compression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' ELSE 'default' END
            WHEN 'options' THEN format('%s(%s)', c.changed, array_to_string(c.options, ', '))
            ELSE format('COMMENT ON COLUMN %s IS %L', c.target, c.meaning)
        END AS statement
    FROM columns AS c
    CROSS JOIN
        LATERAL (
            VALUES
            ('samples', c.samples <> c.new_samples),
            ('storage', c.storage <> c.new_storage),
            ('compression', c.compression <> c.new_compression),
            ('options', c.options IS NOT NULL AND c.options IS DISTINCT FROM c.new_options),
            ('meaning', c.meaning IS DISTINCT FROM c.new_meaning)
        ) AS k (kind, differs)
    WHERE k.differs
    UNION ALL
    SELECT
        CASE f.contype WHEN 'f' THEN 3 ELSE 2 END AS step,
        format('ALTER TABLE %s ADD CONSTRAINT %I ', t.target, f.conname)
        || replace(
            pg_get_constraintdef(f.oid),
            ' REFERENCES ' || CAST(CAST(f.confrelid AS REGCLASS) AS TEXT) || '(',
            ' REFERENCES ' || coalesce(r.target, CAST(CAST(f.confrelid AS REGCLASS) AS TEXT)) || '('
        ) AS statement
    FROM tables AS t
    INNER JOIN pg_constraint AS f ON t.old = f.conrelid AND f.contype IN ('c', 'f', 'u', 'x') AND f.conparentid = 0
    LEFT JOIN tables AS r ON f.confrelid = r.old
    WHERE
        f.coninhcount = 0
        AND NOT EXISTS (
            SELECT 1 FROM pg_constraint AS g
            WHERE
                t.new = g.conrelid AND f.contype = g.contype
                AND (
                    f.conname = g.conname
                    OR (f.contype <> 'f' AND pg_get_constraintdef(f.oid) = pg_get_constraintdef(g.oid))
                )
        )
    UNION ALL
    SELECT
        2 AS step,
        replace(
            pg_get_indexdef(i.indexrelid),
            substring(pg_get_indexdef(i.indexrelid) FROM ' ON .* USING '),
            ' ON ' || t.target || ' USING '
        ) AS statement
    FROM tables AS t
    INNER JOIN pg_index AS i ON t.old = i.indrelid AND i.indisvalid
    INNER JOIN pg_class AS x ON i.indexrelid = x.oid AND NOT x.relispartition
    WHERE
        NOT EXISTS (SELECT 1 FROM pg_constraint AS f WHERE f.conindid = i.indexrelid AND f.conrelid = t.old)
        AND NOT EXISTS (
            SELECT 1 FROM pg_index AS j
            WHERE
                t.new = j.indrelid AND i.indisunique = j.indisunique
                AND split_part(pg_get_indexdef(i.indexrelid), ' USING ', 2)
                = split_part(pg_get_indexdef(j.indexrelid), ' USING ', 2)
        )
) AS x
ORDER BY x.step;

-- name: definitions_to_keep
-- PostgreSQL only: statements that give the tables, after they are replaced, what would hinder loading them: triggers
-- that others made, triggers that are disabled, row security and owners.
WITH ours AS (
    SELECT
        c.*, -- noqa: AM04
        n.oid AS new_oid
    FROM pg_class AS c
    INNER JOIN pg_class AS n
        ON c.relname = n.relname AND n.relnamespace = to_regnamespace(quote_ident(current_schema() || '_rebuild'))
    WHERE
        c.relnamespace = to_regnamespace(quote_ident(current_schema()))
        AND c.relkind IN ('r', 'p') AND (c.relname = ANY(:tables) OR c.relispartition)
)

SELECT x.statement FROM (
    SELECT
        1 AS step,
        pg_get_triggerdef(g.oid) AS statement
    FROM ours AS c
    INNER JOIN pg_trigger AS g ON c.oid = g.tgrelid AND g.tgparentid = 0
    WHERE
        NOT g.tgisinternal
        AND NOT EXISTS (SELECT 1 FROM pg_trigger AS h WHERE h.tgrelid = c.new_oid AND g.tgname = h.tgname)
    UNION ALL
    SELECT
        2 AS step,
        format(
            'ALTER TABLE %I %s TRIGGER %I',
            c.relname,
            CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END,
            g.tgname
        ) AS statement
    FROM ours AS c
    INNER JOIN pg_trigger AS g ON c.oid = g.tgrelid
    WHERE NOT g.tgisinternal AND g.tgenabled <> 'O'
    UNION ALL
    SELECT
        3 AS step,
        format('ALTER TABLE %I %s ROW LEVEL SECURITY', c.relname, k.kind) AS statement
    FROM ours AS c
    CROSS JOIN
        LATERAL (
            VALUES ('ENABLE', c.relrowsecurity), ('FORCE', c.relforcerowsecurity)
        ) AS k (kind, is_set)
    WHERE k.is_set
    UNION ALL
    SELECT
        4 AS step,
        format('ALTER TABLE %I OWNER TO %I', c.relname, pg_get_userbyid(c.relowner)) AS statement
    FROM ours AS c
    WHERE pg_get_userbyid(c.relowner) <> current_user
) AS x
ORDER BY x.step;

-- name: grants_to_keep
-- PostgreSQL only: statements that give new tables, and the views, the grants of the present ones.
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
        c.relnamespace,
        c.relowner,
        NULL AS attname,
        x.*
    FROM pg_class AS c
    CROSS JOIN aclexplode(c.relacl) AS x
    UNION ALL
    SELECT
        c.relname,
        c.relnamespace,
        c.relowner,
        b.attname,
        x.*
    FROM pg_class AS c
    INNER JOIN pg_attribute AS b ON c.oid = b.attrelid
    CROSS JOIN aclexplode(b.attacl) AS x
) AS a
WHERE
    a.grantee <> a.relowner
    AND a.relnamespace = to_regnamespace(quote_ident(current_schema())) AND a.relname = ANY(:tables);

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
