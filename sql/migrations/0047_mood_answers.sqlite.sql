-- A person's answers about the moods of tracks. Nothing is overwritten: the latest answer about a track counts.
CREATE TABLE mood_answers (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    track_key INTEGER NOT NULL REFERENCES tracks (track_key),
    answered_at_ms INTEGER NOT NULL,
    answer TEXT NOT NULL,
    asked_because TEXT NOT NULL CHECK (asked_because IN ('uncertain', 'random', 'volunteered')),
    shown_model TEXT,
    PRIMARY KEY (user_key, track_key, answered_at_ms, answer)
) WITHOUT ROWID;

-- What each answer means as a label; 'undone' is no label. Of two moods the first one leads, and each is half true.
CREATE TABLE answer_labels (
    answer TEXT PRIMARY KEY,
    mood TEXT,
    p_calm REAL,
    p_energetic REAL,
    p_happy REAL,
    p_sad REAL,
    mood_set TEXT
) WITHOUT ROWID;
INSERT INTO answer_labels (answer, mood, p_calm, p_energetic, p_happy, p_sad, mood_set) VALUES
('Calm', 'Calm', 1.0, 0.0, 0.0, 0.0, 'Calm'),
('Energetic', 'Energetic', 0.0, 1.0, 0.0, 0.0, 'Energetic'),
('Happy', 'Happy', 0.0, 0.0, 1.0, 0.0, 'Happy'),
('Sad', 'Sad', 0.0, 0.0, 0.0, 1.0, 'Sad'),
('Calm|Energetic', 'Calm', 0.5, 0.5, 0.0, 0.0, 'Calm|Energetic'),
('Calm|Happy', 'Calm', 0.5, 0.0, 0.5, 0.0, 'Calm|Happy'),
('Calm|Sad', 'Calm', 0.5, 0.0, 0.0, 0.5, 'Calm|Sad'),
('Energetic|Calm', 'Energetic', 0.5, 0.5, 0.0, 0.0, 'Calm|Energetic'),
('Energetic|Happy', 'Energetic', 0.0, 0.5, 0.5, 0.0, 'Energetic|Happy'),
('Energetic|Sad', 'Energetic', 0.0, 0.5, 0.0, 0.5, 'Energetic|Sad'),
('Happy|Calm', 'Happy', 0.5, 0.0, 0.5, 0.0, 'Calm|Happy'),
('Happy|Energetic', 'Happy', 0.0, 0.5, 0.5, 0.0, 'Energetic|Happy'),
('Happy|Sad', 'Happy', 0.0, 0.0, 0.5, 0.5, 'Happy|Sad'),
('Sad|Calm', 'Sad', 0.5, 0.0, 0.0, 0.5, 'Calm|Sad'),
('Sad|Energetic', 'Sad', 0.0, 0.5, 0.0, 0.5, 'Energetic|Sad'),
('Sad|Happy', 'Sad', 0.0, 0.0, 0.5, 0.5, 'Happy|Sad'),
('none', NULL, NULL, NULL, NULL, NULL, NULL);

-- The labels of a person's own that replace the model's for their listens. They follow from the answers in the
-- transaction that changes these. Without a mood, the person has answered that none fits.
CREATE TABLE person_labels (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    track_key INTEGER NOT NULL REFERENCES tracks (track_key),
    label_source TEXT NOT NULL CHECK (label_source IN ('person', 'personal')),
    mood TEXT CHECK (mood IN ('Calm', 'Energetic', 'Happy', 'Sad')),
    p_calm REAL,
    p_energetic REAL,
    p_happy REAL,
    p_sad REAL,
    uncertain INTEGER NOT NULL CHECK (uncertain IN (0, 1)),
    out_of_distribution INTEGER NOT NULL CHECK (out_of_distribution IN (0, 1)),
    mood_set TEXT,
    labelled_at_ms INTEGER NOT NULL,
    PRIMARY KEY (user_key, track_key)
) WITHOUT ROWID;

-- The statistics of the new tables, as in 0026_planner_statistics.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('mood_answers', 'mood_answers', '100000 1000 2 1 1'),
('answer_labels', 'answer_labels', '17 1'),
('person_labels', 'person_labels', '100000 1000 1');

ANALYZE sqlite_schema;
