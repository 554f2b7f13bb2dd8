CREATE TABLE _mood_names (
    -- The moods that listens are counted by.
    mood TEXT PRIMARY KEY
) /* sqlite: WITHOUT ROWID */;
INSERT INTO _mood_names (mood) VALUES ('Calm'), ('Energetic'), ('Happy'), ('Sad'), ('Unlabelled');

CREATE TABLE _mood_days (
    -- Listens by person and local day under the current model, by mood; of the labelled ones also how many labels are
    -- uncertain. It is kept up in the transaction that changes listens, labels, time zones or the current model. day
    -- counts from 1970-01-01 on the person's own clock.
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
    -- For the intervals of a day's shares: for each mood the sum of its probabilities over the labelled listens, in
    -- units of 1e-4, and the sum of p (1 - p), in units of 1e-8. Whole numbers, because their sums are the same in
    -- every order.
    expected_calm BIGINT NOT NULL DEFAULT 0,
    expected_energetic BIGINT NOT NULL DEFAULT 0,
    expected_happy BIGINT NOT NULL DEFAULT 0,
    expected_sad BIGINT NOT NULL DEFAULT 0,
    variance_calm BIGINT NOT NULL DEFAULT 0,
    variance_energetic BIGINT NOT NULL DEFAULT 0,
    variance_happy BIGINT NOT NULL DEFAULT 0,
    variance_sad BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_key, day)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _waiting_listens (
    -- The listens of tracks without a label by the current model, by track: a label finds the days that it changes
    -- without looking at every listen. It may hold more than wait, never fewer; empty while no model is current.
    track_key INTEGER NOT NULL,
    user_key INTEGER NOT NULL,
    played_at_ms BIGINT NOT NULL,
    PRIMARY KEY (track_key, user_key, played_at_ms)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _listen_totals (
    -- Listens by person and source of the listen, with the first and the last time. `moodlog status` shows this and the
    -- next totals without reading the listens; they are updated in the transaction that changes what they count.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    listens BIGINT NOT NULL CHECK (listens > 0),
    first_played_at_ms BIGINT NOT NULL,
    last_played_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_key, source_key)
);
CREATE INDEX listen_totals_last ON _listen_totals (last_played_at_ms);

CREATE TABLE _covered_listens (
    -- Listens of tracks with audio features, by person and source of the features.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    listens BIGINT NOT NULL CHECK (listens > 0),
    PRIMARY KEY (user_key, source_key)
);

CREATE TABLE _heard_tracks (
    -- Tracks with at least one listen. Without a foreign key: its check would cost a tenth of a load on PostgreSQL.
    track_key INTEGER PRIMARY KEY
);

CREATE TABLE _stale_totals (
    -- A row here says why the totals cannot be used until they are counted again, which the next run does.
    reason TEXT PRIMARY KEY
);

CREATE TABLE _counted_people (
    -- Up to when a person's listens are counted in the tables _counted_*: those with played_at_ms < until_ms. Views add
    -- the counts to the listens since, so they answer questions about a whole history without reading it. The person's
    -- rows are deleted in the transaction that changes an earlier listen, its label or the time zone; the end of a run
    -- or an import counts again. The sessions that start before sessions_until_ms are counted; later ones can still
    -- grow. The ranks hold until a listen at ranked_until_ms or later.
    user_key INTEGER PRIMARY KEY REFERENCES users (user_key) ON DELETE CASCADE,
    until_ms BIGINT NOT NULL,
    sessions_until_ms BIGINT NOT NULL DEFAULT 0,
    ranked_until_ms BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE _counted_hours (
    -- Listens by hour of the day, in the person's local time.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    hour INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
    calm BIGINT NOT NULL,
    energetic BIGINT NOT NULL,
    happy BIGINT NOT NULL,
    sad BIGINT NOT NULL,
    unlabelled BIGINT NOT NULL,
    PRIMARY KEY (user_key, hour)
);

CREATE TABLE _counted_transitions (
    -- How often a listen of one mood was followed by one of another, or the same, within half an hour.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    from_mood TEXT NOT NULL,
    to_mood TEXT NOT NULL,
    transitions BIGINT NOT NULL,
    PRIMARY KEY (user_key, from_mood, to_mood)
);

CREATE TABLE _counted_tracks (
    -- Listens by track.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    track_key INTEGER NOT NULL,
    listens INTEGER NOT NULL CHECK (listens > 0),
    PRIMARY KEY (user_key, track_key)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _counted_sessions (
    -- Listens with at most 30 minutes between their times, and the offset from UTC of the person's local time.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms BIGINT NOT NULL,
    offset_s INTEGER NOT NULL,
    listens INTEGER NOT NULL CHECK (listens > 0),
    PRIMARY KEY (user_key, started_at_ms)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _counted_places (
    -- Listens by place in the session, 1 to 10.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    place INTEGER NOT NULL CHECK (place BETWEEN 1 AND 10),
    calm BIGINT NOT NULL,
    energetic BIGINT NOT NULL,
    happy BIGINT NOT NULL,
    sad BIGINT NOT NULL,
    unlabelled BIGINT NOT NULL,
    PRIMARY KEY (user_key, place)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _counted_skips (
    -- Listens of which it is known whether they were skipped.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    mood TEXT NOT NULL,
    listens BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    PRIMARY KEY (user_key, mood)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _counted_sounds (
    -- Listens of tracks with audio features by hour of the day, in the person's local time, and the sums of the
    -- features.
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
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _counted_top_tracks (
    -- The most played tracks of each mood: a rank of all listens, as in the next three tables, not of counted ones
    -- only.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    mood TEXT NOT NULL,
    place INTEGER NOT NULL,
    track_key INTEGER NOT NULL,
    listens BIGINT NOT NULL,
    PRIMARY KEY (user_key, mood, place)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _counted_top_artists (
    -- The most played artists of each mood.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    mood TEXT NOT NULL,
    place INTEGER NOT NULL,
    artist TEXT NOT NULL,
    listens BIGINT NOT NULL,
    PRIMARY KEY (user_key, mood, place)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _counted_years (
    -- Listens by year of release.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    release_year INTEGER NOT NULL,
    calm BIGINT NOT NULL,
    energetic BIGINT NOT NULL,
    happy BIGINT NOT NULL,
    sad BIGINT NOT NULL,
    unlabelled BIGINT NOT NULL,
    PRIMARY KEY (user_key, release_year)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _counted_unlabelled (
    -- A person's listens by track without a mood.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    track_key INTEGER NOT NULL,
    listens BIGINT NOT NULL,
    PRIMARY KEY (user_key, track_key)
) /* sqlite: WITHOUT ROWID */;
