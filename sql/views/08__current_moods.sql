-- One row per track that the current models label: the one for Spotify's features, or the one for estimated features.
CREATE VIEW _current_moods AS
SELECT
    m.track_key,
    m.model_key,
    m.mood,
    m.p_calm,
    m.p_energetic,
    m.p_happy,
    m.p_sad,
    m.mood_set,
    m.uncertain,
    m.out_of_distribution,
    m.source_key,
    m.labelled_at_ms
FROM moods AS m
-- Each key by itself: both databases then find a label with the index, and no table of models is joined.
WHERE
    m.model_key IN (
        (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
        (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
    )
