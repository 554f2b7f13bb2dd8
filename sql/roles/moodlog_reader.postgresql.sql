-- What analysts may read: moodlog's views, and nothing else. Tokens lie in a table, which a view's reader cannot reach.
-- Run after every migration, because a view that is made anew has no grants; does nothing where the role is not wanted.
DO $$
DECLARE
    view_name TEXT;
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'moodlog_reader') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO moodlog_reader', current_schema());
        FOR view_name IN
            SELECT substr(name, strpos(name, '_') + 1) FROM schema_migrations WHERE name LIKE 'view/%'
        LOOP
            EXECUTE format('GRANT SELECT ON %I TO moodlog_reader', view_name);
        END LOOP;
    END IF;
END
$$;
