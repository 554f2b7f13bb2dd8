-- Every label, of every model version.
SELECT
    substr(t.track_id, 1, 1) AS part,
    t.track_id,
    c.model_version,
    m.mood,
    m.p_calm,
    m.p_energetic,
    m.p_happy,
    m.p_sad,
    m.uncertain,
    m.out_of_distribution,
    m.labelled_at_ms,
    s.source,
    m.mood_set
FROM moods AS m
INNER JOIN tracks AS t ON t.track_key = m.track_key
INNER JOIN models AS c ON c.model_key = m.model_key
INNER JOIN sources AS s ON s.source_key = m.source_key;
