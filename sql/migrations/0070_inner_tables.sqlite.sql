-- The tables that are moodlog's own get a name that begins with _, as do the views that only other views use. The
-- others are for people.
ALTER TABLE accounts RENAME TO _accounts;
ALTER TABLE utc_offsets RENAME TO _utc_offsets;
ALTER TABLE mood_names RENAME TO _mood_names;
ALTER TABLE mood_days RENAME TO _mood_days;
ALTER TABLE waiting_listens RENAME TO _waiting_listens;
ALTER TABLE listen_totals RENAME TO _listen_totals;
ALTER TABLE covered_listens RENAME TO _covered_listens;
ALTER TABLE heard_tracks RENAME TO _heard_tracks;
ALTER TABLE stale_totals RENAME TO _stale_totals;
ALTER TABLE counted_people RENAME TO _counted_people;
ALTER TABLE counted_hours RENAME TO _counted_hours;
ALTER TABLE counted_transitions RENAME TO _counted_transitions;
ALTER TABLE counted_tracks RENAME TO _counted_tracks;
ALTER TABLE counted_sessions RENAME TO _counted_sessions;
ALTER TABLE counted_places RENAME TO _counted_places;
ALTER TABLE counted_skips RENAME TO _counted_skips;
ALTER TABLE counted_sounds RENAME TO _counted_sounds;
ALTER TABLE counted_top_tracks RENAME TO _counted_top_tracks;
ALTER TABLE counted_top_artists RENAME TO _counted_top_artists;
ALTER TABLE counted_years RENAME TO _counted_years;
ALTER TABLE counted_unlabelled RENAME TO _counted_unlabelled;
ALTER TABLE batches RENAME TO _batches;
ALTER TABLE pending_answers RENAME TO _pending_answers;
ALTER TABLE imported_files RENAME TO _imported_files;
ALTER TABLE imports RENAME TO _imports;
ALTER TABLE api_calls RENAME TO _api_calls;
ALTER TABLE rate_limits RENAME TO _rate_limits;
ALTER TABLE rate_budgets RENAME TO _rate_budgets;
ALTER TABLE source_availability RENAME TO _source_availability;
ALTER TABLE done_until RENAME TO _done_until;
ALTER TABLE epochs RENAME TO _epochs;
ALTER TABLE fences RENAME TO _fences;
ALTER TABLE database_moves RENAME TO _database_moves;
ALTER TABLE view_columns RENAME TO _view_columns;
ALTER TABLE answer_labels RENAME TO _answer_labels;
ALTER TABLE feature_queue RENAME TO _feature_queue;
ALTER TABLE feature_queue_rules RENAME TO _feature_queue_rules;
ALTER TABLE label_queue RENAME TO _label_queue;

-- Their statistics, as in 0026_planner_statistics.
UPDATE sqlite_stat1 SET
    tbl = '_' || tbl,
    idx = CASE
        WHEN idx = tbl THEN '_' || idx
        ELSE replace(idx, 'sqlite_autoindex_' || tbl, 'sqlite_autoindex__' || tbl)
    END
WHERE
    tbl IN (
        'accounts', 'utc_offsets', 'mood_names', 'mood_days', 'waiting_listens', 'listen_totals',
        'covered_listens', 'heard_tracks', 'stale_totals', 'counted_people', 'counted_hours',
        'counted_transitions', 'counted_tracks', 'counted_sessions', 'counted_places', 'counted_skips',
        'counted_sounds', 'counted_top_tracks', 'counted_top_artists', 'counted_years', 'counted_unlabelled',
        'batches', 'pending_answers', 'imported_files', 'imports', 'api_calls', 'rate_limits', 'rate_budgets',
        'source_availability', 'done_until', 'epochs', 'fences', 'database_moves', 'view_columns',
        'answer_labels', 'feature_queue', 'feature_queue_rules', 'label_queue'
    );

ANALYZE sqlite_schema;
