-- Grants for analysts: they can connect, read moodlog's views and nothing else. Tokens are in a table, which this role
-- cannot read. Runs after every migration, because a new view has no grants; does nothing if the role does not exist.
DO $$
DECLARE
    view_name TEXT;
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'moodlog_reader') THEN
        -- Not everybody may connect to a database of which CONNECT was revoked from PUBLIC.
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO moodlog_reader', current_database());
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO moodlog_reader', current_schema());
        FOR view_name IN
            SELECT substr(name, strpos(name, '_') + 1) FROM _schema_migrations WHERE name LIKE 'view/%'
        LOOP
            EXECUTE format('GRANT SELECT ON %I TO moodlog_reader', view_name);
        END LOOP;
    END IF;
END
$$;
