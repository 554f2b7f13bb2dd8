-- A person's listens by track without a mood, with the ranks of 0038_answers.
CREATE TABLE counted_unlabelled (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    track_key INTEGER NOT NULL,
    listens BIGINT NOT NULL,
    PRIMARY KEY (user_key, track_key)
) WITHOUT ROWID;

-- The next run or import ranks again.
UPDATE counted_people SET ranked_until_ms = 0;

-- The statistics of the new table, as in 0026_planner_statistics.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('counted_unlabelled', 'counted_unlabelled', '200000 200 1');

ANALYZE sqlite_schema;
