-- The newest features are compared with what the model was trained on every night: found without reading all of them.
CREATE INDEX audio_features_by_date ON audio_features (fetched_at_ms, track_key);
