-- The statistics of the new tables, as in 0026_planner_statistics.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('feature_queue', 'feature_queue_due', '100000 10'),
('label_queue', NULL, '1000');

ANALYZE sqlite_schema;
