-- The daily counts get one row a person and day instead of one a mood: a fifth of the rows, no second index, and a
-- batch of listens changes each day's row once.

CREATE TABLE mood_names (mood TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO mood_names (mood) VALUES ('Calm'), ('Energetic'), ('Happy'), ('Sad'), ('Unlabelled');

-- Listens by person and local day under the current model, by mood; of the labelled ones also how many labels are
-- uncertain. It is kept up in the transaction that changes listens, labels, time zones or the current model. day counts
-- from 1970-01-01 on the person's own clock.
CREATE TABLE wide_mood_days (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    calm INTEGER NOT NULL,
    energetic INTEGER NOT NULL,
    happy INTEGER NOT NULL,
    sad INTEGER NOT NULL,
    unlabelled INTEGER NOT NULL CHECK (unlabelled >= 0),
    uncertain_calm INTEGER NOT NULL CHECK (uncertain_calm BETWEEN 0 AND calm),
    uncertain_energetic INTEGER NOT NULL CHECK (uncertain_energetic BETWEEN 0 AND energetic),
    uncertain_happy INTEGER NOT NULL CHECK (uncertain_happy BETWEEN 0 AND happy),
    uncertain_sad INTEGER NOT NULL CHECK (uncertain_sad BETWEEN 0 AND sad),
    PRIMARY KEY (user_key, day)
) WITHOUT ROWID;

INSERT INTO wide_mood_days (
    user_key, day, calm, energetic, happy, sad, unlabelled,
    uncertain_calm, uncertain_energetic, uncertain_happy, uncertain_sad
)
SELECT
    user_key,
    day,
    sum(CASE mood WHEN 'Calm' THEN listens ELSE 0 END) AS calm,
    sum(CASE mood WHEN 'Energetic' THEN listens ELSE 0 END) AS energetic,
    sum(CASE mood WHEN 'Happy' THEN listens ELSE 0 END) AS happy,
    sum(CASE mood WHEN 'Sad' THEN listens ELSE 0 END) AS sad,
    sum(CASE mood WHEN 'Unlabelled' THEN listens ELSE 0 END) AS unlabelled,
    sum(CASE mood WHEN 'Calm' THEN uncertain_listens ELSE 0 END) AS uncertain_calm,
    sum(CASE mood WHEN 'Energetic' THEN uncertain_listens ELSE 0 END) AS uncertain_energetic,
    sum(CASE mood WHEN 'Happy' THEN uncertain_listens ELSE 0 END) AS uncertain_happy,
    sum(CASE mood WHEN 'Sad' THEN uncertain_listens ELSE 0 END) AS uncertain_sad
FROM mood_days
GROUP BY user_key, day;

DROP TABLE mood_days;
ALTER TABLE wide_mood_days RENAME TO mood_days;

-- Processes cache keys and labels. A cache is valid while these numbers stay the same.
CREATE TABLE epochs (
    name TEXT PRIMARY KEY CHECK (name IN ('keys', 'labels')),
    epoch INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO epochs (name, epoch) VALUES ('keys', 1), ('labels', 1);

CREATE TRIGGER tracks_deleted AFTER DELETE ON tracks
BEGIN
    UPDATE epochs SET epoch = epoch + 1;
END;

CREATE TRIGGER moods_deleted AFTER DELETE ON moods
BEGIN
    UPDATE epochs SET epoch = epoch + 1 WHERE name = 'labels';
END;

CREATE TRIGGER moods_changed AFTER UPDATE ON moods
BEGIN
    UPDATE epochs SET epoch = epoch + 1 WHERE name = 'labels';
END;

CREATE TRIGGER models_shown AFTER UPDATE OF is_current ON models
BEGIN
    UPDATE epochs SET epoch = epoch + 1 WHERE name = 'labels';
END;
