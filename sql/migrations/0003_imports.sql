-- Plays that an export names by artist and title alone, until a track of that name is known. In the lake as well.
CREATE TABLE named_plays (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    ended_at_ms BIGINT NOT NULL,
    artist TEXT NOT NULL,
    title TEXT NOT NULL,
    ms_played INTEGER NOT NULL CHECK (ms_played >= 0),
    track_key INTEGER REFERENCES tracks (track_key),
    PRIMARY KEY (user_key, ended_at_ms, artist, title, ms_played)
);
CREATE INDEX named_plays_waiting ON named_plays (user_key) WHERE track_key IS NULL;

-- Exports that were imported whole, by the digest of their bytes: a repeated import is detected from these rows.
CREATE TABLE imported_files (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    options TEXT NOT NULL,
    rows_read BIGINT NOT NULL,
    fates TEXT NOT NULL,
    imported_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_key, digest, options)
);
