-- The listens of tracks without a label by the current model, by track: a label finds the days that it changes without
-- looking at every listen. It may hold more than wait, never fewer; empty while no model is shown.
CREATE TABLE waiting_listens (
    track_key INTEGER NOT NULL,
    user_key INTEGER NOT NULL,
    played_at_ms INTEGER NOT NULL,
    PRIMARY KEY (track_key, user_key, played_at_ms)
) WITHOUT ROWID;

INSERT INTO waiting_listens (track_key, user_key, played_at_ms)
SELECT DISTINCT
    l.track_key,
    l.user_key,
    l.played_at_ms
FROM listens AS l
INNER JOIN models AS c ON c.is_current = 1
LEFT JOIN moods AS m ON c.model_key = m.model_key AND l.track_key = m.track_key
WHERE m.track_key IS NULL;
