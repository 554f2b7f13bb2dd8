-- What only SQLite has: triggers in its words, and the statistics of its planner. WITHOUT ROWID, in the other files,
-- stores a table in the order of its key, which is how people ask.

CREATE INDEX artist_credits_by_artist ON artist_credits (artist, track_key);

-- What processes cache becomes invalid.
CREATE TRIGGER tracks_deleted AFTER DELETE ON tracks
BEGIN
    UPDATE _cache_versions SET version = version + 1;
END;

CREATE TRIGGER moods_deleted AFTER DELETE ON moods
BEGIN
    UPDATE _cache_versions SET version = version + 1 WHERE name = 'labels';
END;

CREATE TRIGGER moods_changed AFTER UPDATE ON moods
BEGIN
    UPDATE _cache_versions SET version = version + 1 WHERE name = 'labels';
END;

CREATE TRIGGER models_shown AFTER UPDATE OF is_current ON models
BEGIN
    UPDATE _cache_versions SET version = version + 1 WHERE name = 'labels';
END;

-- The statistics with which SQLite plans every query: those of a typical large database, not of this one. So a query
-- has the same plan in each database, and the plan is the one that tests check. With the statistics of one person's
-- database, SQLite would read all listens for "the last 100 of a person", because it scans a table of one row.
-- A row has the number of rows, then the average number of rows for one value of the first column of the index, of the
-- first two, and so on.
ANALYZE sqlite_schema;

DELETE FROM sqlite_stat1;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('users', 'sqlite_autoindex_users_1', '1000 1'),
('_utc_offsets', '_utc_offsets', '5000 50 1'),
('sources', 'sqlite_autoindex_sources_1', '8 1'),
('models', 'sqlite_autoindex_models_1', '2 1'),
('tracks', 'sqlite_autoindex_tracks_1', '1000000 1'),
('audio_features', 'audio_features_by_date', '1000000 100'),
('feature_misses', 'feature_misses', '100000 2 1'),
('moods', 'moods', '1000000 500000 1'),
('_mood_days', '_mood_days', '1000000 1000 1'),
('listens', 'listens', '10000000 10000 2 1'),
('artist_credits', 'artist_credits', '1500000 2 1'),
('artist_credits', 'artist_credits_by_artist', '1500000 10 1 1'),
('track_names', 'track_names', '10000 2 1 1'),
('end_reasons', 'sqlite_autoindex_end_reasons_1', '18 1'),
('_counted_hours', 'sqlite_autoindex__counted_hours_1', '24000 24 1'),
('_counted_transitions', 'sqlite_autoindex__counted_transitions_1', '16000 16 4 1'),
('_counted_tracks', '_counted_tracks', '2000000 2000 1'),
('_counted_sessions', '_counted_sessions', '1000000 1000 1'),
('_counted_places', '_counted_places', '10000 10 1'),
('_counted_skips', '_counted_skips', '5000 5 1'),
('_counted_sounds', '_counted_sounds', '24000 24 1'),
('_counted_top_tracks', '_counted_top_tracks', '200000 200 50 1'),
('_counted_top_artists', '_counted_top_artists', '200000 200 50 1'),
('_counted_years', '_counted_years', '60000 60 1'),
('_counted_unlabelled', '_counted_unlabelled', '200000 200 1'),
('mood_answers', 'mood_answers', '100000 1000 2 1 1'),
('_answer_labels', '_answer_labels', '17 1'),
('person_labels', 'person_labels', '100000 1000 1'),
('mood_heads', 'mood_heads', '1000 5 1'),
('_feature_queue', 'feature_queue_due', '100000 10'),
('_label_queue', NULL, '1000'),
('users', 'users_name_key', '1000 1'),
('_accounts', 'accounts_due', '1000 1'),
('_accounts', 'accounts_pulled', '1000 1'),
('_accounts', 'accounts_refused', '10 1'),
('_accounts', 'accounts_consented', '1000 500 1'),
('_listen_totals', 'listen_totals_last', '2000 1'),
('forgotten', 'forgotten_hash_key', '1000 1000'),
('forgotten', 'forgotten_at', '1000 1'),
('_accounts', 'accounts_authorised', '1000 500 1'),
('_accounts', 'accounts_failed', '10 1'),
('_accounts', 'accounts_changed', '10 1'),
('_people_to_forget', NULL, '1');

ANALYZE sqlite_schema;
