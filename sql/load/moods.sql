-- A model version's label of a track never changes.
INSERT INTO moods (
    track_key, model_key, mood, p_calm, p_energetic, p_happy, p_sad, uncertain, out_of_distribution, source_key,
    labelled_at_ms
)
/* rows */
ON CONFLICT (model_key, track_key) DO NOTHING
