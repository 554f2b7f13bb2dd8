-- The statistics with which SQLite plans every query: those of a typical large database, not of this one. So a query
-- has the same plan in each database, and the plan is the one that tests check. With the statistics of one person's
-- database, SQLite would read all listens for "the last 100 of a person", because it scans a table of one row.
-- A row has the number of rows, then the average number of rows for one value of the first column of the index, of the
-- first two, and so on.
ANALYZE sqlite_schema;

DELETE FROM sqlite_stat1;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('users', 'sqlite_autoindex_users_1', '1000 1'),
('utc_offsets', 'utc_offsets', '5000 50 1'),
('sources', 'sqlite_autoindex_sources_1', '8 1'),
('models', 'models_one_current', '2 1'),
('models', 'sqlite_autoindex_models_1', '2 1'),
('tracks', 'sqlite_autoindex_tracks_1', '1000000 1'),
('audio_features', 'audio_features_by_date', '1000000 100'),
('feature_misses', 'feature_misses', '100000 2 1'),
('moods', 'moods', '1000000 500000 1'),
('mood_days', 'mood_days', '1000000 1000 1'),
('listens', 'listens', '10000000 10000 2 1');

ANALYZE sqlite_schema;
