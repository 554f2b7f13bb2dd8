-- The tables that are moodlog's own get a name that begins with _, as do the views that only other views use. The
-- others are for people. The names of constraints change too, because PostgreSQL makes them of the table's name.
DO $$
DECLARE
    inner_table TEXT;
    old_name TEXT;
BEGIN
    FOREACH inner_table IN ARRAY ARRAY[
        'accounts', 'utc_offsets', 'mood_names', 'mood_days', 'waiting_listens', 'listen_totals',
        'covered_listens', 'heard_tracks', 'stale_totals', 'counted_people', 'counted_hours',
        'counted_transitions', 'counted_tracks', 'counted_sessions', 'counted_places', 'counted_skips',
        'counted_sounds', 'counted_top_tracks', 'counted_top_artists', 'counted_years', 'counted_unlabelled',
        'batches', 'pending_answers', 'imported_files', 'imports', 'api_calls', 'rate_limits', 'rate_budgets',
        'source_availability', 'done_until', 'epochs', 'fences', 'database_moves', 'view_columns',
        'answer_labels', 'feature_queue', 'feature_queue_rules', 'label_queue', 'schema_migrations'
    ]
    LOOP
        -- Renamed before the migrations were read.
        IF inner_table <> 'schema_migrations' THEN
            EXECUTE format('ALTER TABLE %I RENAME TO %I', inner_table, '_' || inner_table);
        END IF;
        FOR old_name IN
            SELECT conname FROM pg_constraint
            WHERE conrelid = to_regclass('_' || inner_table) AND conname ~ ('^(wide_)?' || inner_table || '_')
        LOOP
            EXECUTE format(
                'ALTER TABLE %I RENAME CONSTRAINT %I TO %I',
                '_' || inner_table, old_name, '_' || regexp_replace(old_name, '^wide_', '')
            );
        END LOOP;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION forget_keys() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE _epochs SET epoch = epoch + 1;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION forget_labels() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE _epochs SET epoch = epoch + 1 WHERE name = 'labels';
    RETURN NULL;
END
$$;
