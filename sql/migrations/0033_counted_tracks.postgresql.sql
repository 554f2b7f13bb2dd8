-- Listens by track, as a part of the counts of 0032_counted.
CREATE TABLE counted_tracks (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    track_key INTEGER NOT NULL,
    listens INTEGER NOT NULL CHECK (listens > 0),
    PRIMARY KEY (user_key, track_key)
);
