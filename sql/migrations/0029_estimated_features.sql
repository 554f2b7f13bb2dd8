-- Audio features that an analyser estimated from audio files, apart from those of Spotify: they are labelled by a model
-- of their own. Features in audio_features replace them.
CREATE TABLE estimated_features (
    track_key INTEGER PRIMARY KEY REFERENCES tracks (track_key),
    acousticness DOUBLE PRECISION NOT NULL CHECK (acousticness BETWEEN 0 AND 1),
    danceability DOUBLE PRECISION NOT NULL CHECK (danceability BETWEEN 0 AND 1),
    energy DOUBLE PRECISION NOT NULL CHECK (energy BETWEEN 0 AND 1),
    instrumentalness DOUBLE PRECISION NOT NULL CHECK (instrumentalness BETWEEN 0 AND 1),
    liveness DOUBLE PRECISION NOT NULL CHECK (liveness BETWEEN 0 AND 1),
    loudness DOUBLE PRECISION NOT NULL CHECK (loudness BETWEEN -100 AND 20),
    speechiness DOUBLE PRECISION NOT NULL CHECK (speechiness BETWEEN 0 AND 1),
    tempo DOUBLE PRECISION NOT NULL CHECK (tempo BETWEEN 0 AND 400),
    valence DOUBLE PRECISION NOT NULL CHECK (valence BETWEEN 0 AND 1),
    duration_ms INTEGER CHECK (duration_ms > 0),
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    fetched_at_ms BIGINT NOT NULL
);

-- One current model for each class of features: the labels of both are shown.
ALTER TABLE models ADD COLUMN estimated SMALLINT NOT NULL DEFAULT 0 CHECK (estimated IN (0, 1));
DROP INDEX models_one_current;
CREATE UNIQUE INDEX models_one_current ON models (estimated) WHERE is_current = 1;
