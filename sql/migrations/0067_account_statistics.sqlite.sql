-- The statistics of the new indexes, as in 0026_planner_statistics.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('users', 'users_name_key', '1000 1'),
('accounts', 'accounts_due', '1000 1'),
('accounts', 'accounts_pulled', '1000 1'),
('accounts', 'accounts_refused', '10 1'),
('accounts', 'accounts_consented', '1000 500 1'),
('listen_totals', 'listen_totals_last', '2000 1');

ANALYZE sqlite_schema;
