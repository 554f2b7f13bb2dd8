-- One row per track that the current models label: the one for Spotify's features, or the one for estimated features.
CREATE VIEW _current_moods AS
SELECT m.* FROM moods AS m -- noqa: AM04
-- Each key by itself: both databases then find a label with the index, and no table of models is joined.
WHERE
    m.model_key IN (
        (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
        (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
    )
