-- More counts of a person's listens, as in 0032_counted: sessions, places in sessions, skips and the sound of hours.
-- And the ranks of a person's tracks and artists and their years of release, of all listens, not only counted ones.

-- Everything is counted again by the next run or import, with the new counts.
DELETE FROM counted_hours;
DELETE FROM counted_transitions;
DELETE FROM counted_tracks;
DELETE FROM counted_people;

-- The sessions that start before sessions_until_ms are counted; later ones can still grow. The ranks hold until a
-- listen at ranked_until_ms or later.
ALTER TABLE counted_people ADD COLUMN sessions_until_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE counted_people ADD COLUMN ranked_until_ms BIGINT NOT NULL DEFAULT 0;

-- Listens with at most 30 minutes between their times, and the offset from UTC of the person's local time.
CREATE TABLE counted_sessions (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT NOT NULL,
    offset_s INTEGER NOT NULL,
    listens INTEGER NOT NULL CHECK (listens > 0),
    PRIMARY KEY (user_key, started_at_ms)
);

-- Listens by place in the session, 1 to 10.
CREATE TABLE counted_places (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    place INTEGER NOT NULL CHECK (place BETWEEN 1 AND 10),
    calm BIGINT NOT NULL,
    energetic BIGINT NOT NULL,
    happy BIGINT NOT NULL,
    sad BIGINT NOT NULL,
    unlabelled BIGINT NOT NULL,
    PRIMARY KEY (user_key, place)
);

-- Listens of which it is known whether they were skipped.
CREATE TABLE counted_skips (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    mood TEXT NOT NULL,
    listens BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    PRIMARY KEY (user_key, mood)
);

-- Listens of tracks with audio features by hour of the day, in the person's local time, and the sums of the features.
CREATE TABLE counted_sounds (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    hour INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
    listens BIGINT NOT NULL,
    acousticness DOUBLE PRECISION NOT NULL,
    danceability DOUBLE PRECISION NOT NULL,
    energy DOUBLE PRECISION NOT NULL,
    instrumentalness DOUBLE PRECISION NOT NULL,
    liveness DOUBLE PRECISION NOT NULL,
    loudness DOUBLE PRECISION NOT NULL,
    speechiness DOUBLE PRECISION NOT NULL,
    tempo DOUBLE PRECISION NOT NULL,
    valence DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (user_key, hour)
);

-- The most played tracks and artists of each mood.
CREATE TABLE counted_top_tracks (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    mood TEXT NOT NULL,
    place INTEGER NOT NULL,
    track_key INTEGER NOT NULL,
    listens BIGINT NOT NULL,
    PRIMARY KEY (user_key, mood, place)
);

CREATE TABLE counted_top_artists (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    mood TEXT NOT NULL,
    place INTEGER NOT NULL,
    artist TEXT NOT NULL,
    listens BIGINT NOT NULL,
    PRIMARY KEY (user_key, mood, place)
);

-- Listens by year of release.
CREATE TABLE counted_years (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    release_year INTEGER NOT NULL,
    calm BIGINT NOT NULL,
    energetic BIGINT NOT NULL,
    happy BIGINT NOT NULL,
    sad BIGINT NOT NULL,
    unlabelled BIGINT NOT NULL,
    PRIMARY KEY (user_key, release_year)
);
