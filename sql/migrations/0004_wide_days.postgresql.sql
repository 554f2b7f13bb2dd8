-- The daily counts get one row a person and day instead of one a mood: a fifth of the rows, no second index, and a
-- batch of listens changes each day's row once.

CREATE TABLE mood_names (mood TEXT PRIMARY KEY);
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
);

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
    epoch BIGINT NOT NULL
);
INSERT INTO epochs (name, epoch) VALUES ('keys', 1), ('labels', 1);

CREATE FUNCTION forget_keys() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE epochs SET epoch = epoch + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER tracks_deleted AFTER DELETE ON tracks
FOR EACH STATEMENT EXECUTE FUNCTION forget_keys();

CREATE FUNCTION forget_labels() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE epochs SET epoch = epoch + 1 WHERE name = 'labels';
    RETURN NULL;
END
$$;
CREATE TRIGGER moods_changed AFTER UPDATE OR DELETE ON moods
FOR EACH STATEMENT EXECUTE FUNCTION forget_labels();
CREATE TRIGGER models_shown AFTER UPDATE OF is_current ON models
FOR EACH STATEMENT EXECUTE FUNCTION forget_labels();

-- Loads look keys up in their own transaction and hold them; everybody else's listens are checked, row by row. The
-- check of whole statements cost a third of a load.
CREATE FUNCTION check_listen_keys() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM users WHERE user_key = NEW.user_key)
        OR NOT EXISTS (SELECT 1 FROM tracks WHERE track_key = NEW.track_key)
        OR NOT EXISTS (SELECT 1 FROM sources WHERE source_key = NEW.source_key)
    THEN
        RAISE foreign_key_violation USING MESSAGE = 'a listen refers to a person, track or source that does not exist';
    END IF;
    RETURN NULL;
END
$$;
DROP TRIGGER listens_keys_inserted ON listens;
CREATE TRIGGER listens_keys_inserted AFTER INSERT ON listens
FOR EACH ROW WHEN (current_setting('moodlog.loading', TRUE) IS DISTINCT FROM 'on')
EXECUTE FUNCTION check_listen_keys();
