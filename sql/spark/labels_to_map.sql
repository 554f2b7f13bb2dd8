-- Spark SQL: the labels of the current models of the tracks that people with a personal head heard and did not answer
-- about.
SELECT DISTINCT
    e.user_id,
    e.track_id,
    m.p_calm,
    m.p_energetic,
    m.p_happy,
    m.p_sad,
    h.head
FROM heads AS h
INNER JOIN heard AS e ON h.user_id = e.user_id
INNER JOIN labels AS m ON e.track_id = m.track_id AND h.base_model = m.model_version
LEFT ANTI JOIN answered AS a ON e.user_id = a.user_id AND e.track_id = a.track_id;
