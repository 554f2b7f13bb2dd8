-- Answers of resolvers about names: which track has a normalised artist and title, or why there is none. In the lake as
-- well. misses counts the answers without a track: the resolver is asked again at growing intervals.
CREATE TABLE resolutions (
    artist TEXT NOT NULL,
    title TEXT NOT NULL,
    resolved_by TEXT NOT NULL,
    outcome TEXT NOT NULL,
    track_key INTEGER REFERENCES tracks (track_key),
    misses INTEGER NOT NULL CHECK (misses >= 0),
    resolved_at_ms BIGINT NOT NULL,
    PRIMARY KEY (artist, title, resolved_by)
);
CREATE INDEX resolutions_by_track ON resolutions (track_key);
