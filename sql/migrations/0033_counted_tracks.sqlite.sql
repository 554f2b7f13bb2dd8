-- Listens by track, as a part of the counts of 0032_counted. In the order of its key.
CREATE TABLE counted_tracks (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    track_key INTEGER NOT NULL,
    listens INTEGER NOT NULL CHECK (listens > 0),
    PRIMARY KEY (user_key, track_key)
) WITHOUT ROWID;

-- The statistics of the new tables, as in 0026_planner_statistics.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('counted_hours', 'sqlite_autoindex_counted_hours_1', '24000 24 1'),
('counted_transitions', 'sqlite_autoindex_counted_transitions_1', '16000 16 4 1'),
('counted_tracks', 'counted_tracks', '2000000 2000 1');

ANALYZE sqlite_schema;
