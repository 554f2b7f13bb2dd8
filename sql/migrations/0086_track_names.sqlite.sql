-- All names of the tracks that exports and services spell in several ways. Plays by name are compared with them.
CREATE TABLE track_names (
    track_key INTEGER NOT NULL REFERENCES tracks (track_key) ON DELETE CASCADE,
    artist TEXT NOT NULL,
    title TEXT NOT NULL,
    PRIMARY KEY (track_key, artist, title)
) WITHOUT ROWID;

-- The statistics of the new table, as in 0026_planner_statistics.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('track_names', 'track_names', '10000 2 1 1');

ANALYZE sqlite_schema;
