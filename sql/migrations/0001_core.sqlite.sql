-- The core tables on SQLite. Integer surrogate keys inside, text ids at the edges, times as ms since 1970 UTC:
-- 27 bytes a listen instead of 207. WITHOUT ROWID stores a table in the order of its key, which is how people ask.

CREATE TABLE users (
    user_key INTEGER PRIMARY KEY,
    user_id TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    timezone TEXT NOT NULL,
    connected_at_ms INTEGER NOT NULL,
    recorded_at_ms INTEGER NOT NULL
);

-- What is operational about a person's account: it is not in the lake and starts afresh after a rebuild.
CREATE TABLE accounts (
    user_key INTEGER PRIMARY KEY REFERENCES users (user_key) ON DELETE CASCADE,
    state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'needs_reauthorisation')),
    state_reason TEXT,
    token BLOB,
    token_version INTEGER NOT NULL DEFAULT 0,
    authorised_at_ms INTEGER,
    refresh_owner TEXT,
    refresh_until_ms INTEGER NOT NULL DEFAULT 0,
    claimed_by TEXT,
    claimed_until_ms INTEGER NOT NULL DEFAULT 0,
    last_pulled_at_ms INTEGER,
    last_problem TEXT
);

CREATE TABLE tracks (
    track_key INTEGER PRIMARY KEY,
    track_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    artists TEXT NOT NULL,
    album TEXT,
    duration_ms INTEGER CHECK (duration_ms > 0),
    isrc TEXT,
    release_date TEXT,
    kind TEXT NOT NULL CHECK (kind IN ('track', 'local'))
);

-- Where listens and features come from, by name.
CREATE TABLE sources (
    source_key INTEGER PRIMARY KEY,
    source TEXT NOT NULL UNIQUE
);

CREATE TABLE listens (
    user_key INTEGER NOT NULL REFERENCES users (user_key),
    played_at_ms INTEGER NOT NULL CHECK (played_at_ms > 0),
    track_key INTEGER NOT NULL REFERENCES tracks (track_key),
    ms_played INTEGER CHECK (ms_played >= 0),
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    PRIMARY KEY (user_key, played_at_ms, track_key)
) WITHOUT ROWID;

CREATE TABLE gaps (
    user_key INTEGER NOT NULL REFERENCES users (user_key),
    starts_at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER NOT NULL,
    found_at_ms INTEGER NOT NULL,
    filled_at_ms INTEGER,
    PRIMARY KEY (user_key, starts_at_ms),
    CHECK (ends_at_ms > starts_at_ms)
) WITHOUT ROWID;

CREATE TABLE audio_features (
    track_key INTEGER PRIMARY KEY REFERENCES tracks (track_key),
    acousticness REAL NOT NULL CHECK (acousticness BETWEEN 0 AND 1),
    danceability REAL NOT NULL CHECK (danceability BETWEEN 0 AND 1),
    energy REAL NOT NULL CHECK (energy BETWEEN 0 AND 1),
    instrumentalness REAL NOT NULL CHECK (instrumentalness BETWEEN 0 AND 1),
    liveness REAL NOT NULL CHECK (liveness BETWEEN 0 AND 1),
    loudness REAL NOT NULL CHECK (loudness BETWEEN -100 AND 20),
    speechiness REAL NOT NULL CHECK (speechiness BETWEEN 0 AND 1),
    tempo REAL NOT NULL CHECK (tempo BETWEEN 0 AND 400),
    valence REAL NOT NULL CHECK (valence BETWEEN 0 AND 1),
    duration_ms INTEGER CHECK (duration_ms > 0),
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    fetched_at_ms INTEGER NOT NULL
);

CREATE TABLE feature_misses (
    track_key INTEGER NOT NULL REFERENCES tracks (track_key),
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    reason TEXT NOT NULL,
    misses INTEGER NOT NULL CHECK (misses > 0),
    first_missed_at_ms INTEGER NOT NULL,
    last_missed_at_ms INTEGER NOT NULL,
    PRIMARY KEY (track_key, source_key)
) WITHOUT ROWID;

CREATE TABLE models (
    model_key INTEGER PRIMARY KEY,
    model_version TEXT NOT NULL UNIQUE,
    is_current INTEGER NOT NULL DEFAULT 0 CHECK (is_current IN (0, 1))
);
CREATE UNIQUE INDEX models_one_current ON models (is_current) WHERE is_current = 1;

CREATE TABLE moods (
    model_key INTEGER NOT NULL REFERENCES models (model_key),
    track_key INTEGER NOT NULL REFERENCES tracks (track_key),
    mood TEXT NOT NULL CHECK (mood IN ('Calm', 'Energetic', 'Happy', 'Sad')),
    p_calm REAL NOT NULL CHECK (p_calm BETWEEN 0 AND 1),
    p_energetic REAL NOT NULL CHECK (p_energetic BETWEEN 0 AND 1),
    p_happy REAL NOT NULL CHECK (p_happy BETWEEN 0 AND 1),
    p_sad REAL NOT NULL CHECK (p_sad BETWEEN 0 AND 1),
    uncertain INTEGER NOT NULL CHECK (uncertain IN (0, 1)),
    out_of_distribution INTEGER NOT NULL CHECK (out_of_distribution IN (0, 1)),
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    labelled_at_ms INTEGER NOT NULL,
    PRIMARY KEY (model_key, track_key),
    CHECK (abs(p_calm + p_energetic + p_happy + p_sad - 1) <= 0.0001)
) WITHOUT ROWID;

-- Listens by person, local day and mood under the current model: what the views sum instead of reading every listen.
-- It is kept up in the transaction that changes listens, labels, time zones or the current model. day counts from
-- 1970-01-01 on the person's own clock; mood is 'Unlabelled' where there is none.
CREATE TABLE mood_days (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    day INTEGER NOT NULL,
    mood TEXT NOT NULL CHECK (mood IN ('Calm', 'Energetic', 'Happy', 'Sad', 'Unlabelled')),
    listens INTEGER NOT NULL CHECK (listens > 0),
    uncertain_listens INTEGER NOT NULL CHECK (uncertain_listens BETWEEN 0 AND listens),
    PRIMARY KEY (user_key, day, mood)
) WITHOUT ROWID;
CREATE INDEX mood_days_by_day ON mood_days (day, mood, listens);

-- The ledger: a batch file whose row stands here is loaded; row and data were written in one transaction.
CREATE TABLE batches (
    batch_id TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    byte_count INTEGER NOT NULL,
    schema_version INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    loaded_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX batches_created_at ON batches (created_at_ms);

-- Every call to an outside service, counted by minute: the rolling day's quota is the sum of the last 24 hours.
CREATE TABLE api_calls (
    endpoint TEXT NOT NULL,
    minute_ms INTEGER NOT NULL,
    calls INTEGER NOT NULL CHECK (calls > 0),
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND calls),
    PRIMARY KEY (endpoint, minute_ms)
) WITHOUT ROWID;

-- Until when an endpoint must not be called (Retry-After).
CREATE TABLE rate_limits (
    endpoint TEXT PRIMARY KEY,
    not_before_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;

-- Feature sources that refuse this app, since when.
CREATE TABLE source_availability (
    source TEXT PRIMARY KEY,
    unavailable_since_ms INTEGER NOT NULL,
    reason TEXT NOT NULL
) WITHOUT ROWID;

-- The offset from UTC of each time zone in use, by period: it makes local days right across daylight saving.
CREATE TABLE utc_offsets (
    timezone TEXT NOT NULL,
    starts_at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER NOT NULL,
    offset_s INTEGER NOT NULL,
    PRIMARY KEY (timezone, starts_at_ms)
) WITHOUT ROWID;
INSERT INTO utc_offsets (timezone, starts_at_ms, ends_at_ms, offset_s)
VALUES ('UTC', -9007199254740992, 9007199254740992, 0);
