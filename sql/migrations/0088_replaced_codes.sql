-- When another ISRC last replaced that of a track: older batches have nothing of the track that its code brought.
CREATE TABLE _replaced_codes (
    track_key INTEGER PRIMARY KEY REFERENCES tracks (track_key) ON DELETE CASCADE,
    replaced_at_ms BIGINT NOT NULL
);
