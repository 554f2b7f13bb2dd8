-- The statistics of the new indexes, as in 0026_planner_statistics.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('forgotten', 'forgotten_hash_key', '1000 1000'),
('forgotten', 'forgotten_at', '1000 1'),
('_accounts', 'accounts_authorised', '1000 500 1'),
('_accounts', 'accounts_failed', '10 1'),
('_accounts', 'accounts_changed', '10 1'),
('_people_to_forget', NULL, '1');

ANALYZE sqlite_schema;
