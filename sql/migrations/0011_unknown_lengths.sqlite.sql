-- Account data from early 2018 has no play durations: a play by name may be without one. SQLite cannot drop NOT NULL.
CREATE TABLE named_plays_of_any_length (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    ended_at_ms BIGINT NOT NULL,
    artist TEXT NOT NULL,
    title TEXT NOT NULL,
    ms_played INTEGER CHECK (ms_played >= 0),
    track_key INTEGER REFERENCES tracks (track_key)
);
INSERT INTO named_plays_of_any_length (user_key, ended_at_ms, artist, title, ms_played, track_key)
SELECT
    user_key,
    ended_at_ms,
    artist,
    title,
    ms_played,
    track_key
FROM named_plays;
DROP TABLE named_plays;
ALTER TABLE named_plays_of_any_length RENAME TO named_plays;
CREATE UNIQUE INDEX named_plays_key ON named_plays (user_key, ended_at_ms, artist, title, coalesce(ms_played, -1));
CREATE INDEX named_plays_waiting ON named_plays (user_key) WHERE track_key IS NULL;
