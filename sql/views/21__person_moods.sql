-- One row per person and track with a label of the person's own, which replaces the model's for the person's listens.
CREATE VIEW _person_moods AS
SELECT
    p.user_key,
    p.track_key,
    p.label_source,
    p.mood,
    p.p_calm,
    p.p_energetic,
    p.p_happy,
    p.p_sad,
    p.mood_set,
    p.uncertain,
    p.out_of_distribution,
    p.model_version,
    CASE WHEN p.mood IS NULL THEN 'none of these moods' END AS unlabelled_reason,
    -- As in _track_moods.
    CAST(p.p_calm AS DOUBLE PRECISION) + p.p_sad AS soft,
    CAST(p.p_energetic AS DOUBLE PRECISION) + p.p_happy AS lively,
    CAST(p.p_calm AS DOUBLE PRECISION) + p.p_happy - p.p_energetic - p.p_sad AS mood_valence,
    CAST(p.p_energetic AS DOUBLE PRECISION) + p.p_happy - p.p_calm - p.p_sad AS mood_energy,
    2 * sqrt(
        (CAST(p.p_calm AS DOUBLE PRECISION) + p.p_happy)
        * (CAST(p.p_energetic AS DOUBLE PRECISION) + p.p_sad)
    ) AS mood_valence_sd,
    2 * sqrt(
        (CAST(p.p_energetic AS DOUBLE PRECISION) + p.p_happy)
        * (CAST(p.p_calm AS DOUBLE PRECISION) + p.p_sad)
    ) AS mood_energy_sd
FROM person_labels AS p
