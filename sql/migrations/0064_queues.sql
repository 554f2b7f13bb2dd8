-- The tracks without audio features. No source needs to be called for a track before due_at_ms; 0 means that this is
-- not known. A run computes it from the misses, and whatever changes a track or its misses sets it to 0.
CREATE TABLE feature_queue (
    track_key INTEGER PRIMARY KEY REFERENCES tracks (track_key) ON DELETE CASCADE,
    due_at_ms BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX feature_queue_due ON feature_queue (due_at_ms);
INSERT INTO feature_queue (track_key)
SELECT t.track_key FROM tracks AS t
WHERE NOT EXISTS (SELECT 1 FROM audio_features AS f WHERE f.track_key = t.track_key);

-- What the times in feature_queue were computed for: the sources and the waits after misses, in one row.
CREATE TABLE feature_queue_rules (rules TEXT NOT NULL);

-- The tracks whose features the current model of their class has not labelled: a model for estimated features labels
-- the tracks that have no exact ones.
CREATE TABLE label_queue (track_key INTEGER PRIMARY KEY REFERENCES tracks (track_key) ON DELETE CASCADE);
INSERT INTO label_queue (track_key)
SELECT f.track_key FROM audio_features AS f
WHERE
    NOT EXISTS (
        SELECT 1 FROM models AS c
        INNER JOIN moods AS m ON c.model_key = m.model_key
        WHERE c.is_current = 1 AND c.estimated = 0 AND m.track_key = f.track_key
    )
UNION ALL
SELECT e.track_key FROM estimated_features AS e
WHERE
    NOT EXISTS (SELECT 1 FROM audio_features AS f WHERE f.track_key = e.track_key)
    AND NOT EXISTS (
        SELECT 1 FROM models AS c
        INNER JOIN moods AS m ON c.model_key = m.model_key
        WHERE c.is_current = 1 AND c.estimated = 1 AND m.track_key = e.track_key
    );
