-- The first features of a track stay: all its labels trace to them.
INSERT INTO audio_features (
    track_key, acousticness, danceability, energy, instrumentalness, liveness, loudness, speechiness, tempo, valence,
    duration_ms, source_key, fetched_at_ms
)
/* rows */
ON CONFLICT (track_key) DO NOTHING
