-- What `moodlog status` shows without reading the listens. The totals are updated in the transaction that changes what
-- they count; the comments say what that is.

-- Listens by person and source of the listen, with the first and the last time.
CREATE TABLE listen_totals (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    listens BIGINT NOT NULL CHECK (listens > 0),
    first_played_at_ms BIGINT NOT NULL,
    last_played_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_key, source_key)
);
INSERT INTO listen_totals (user_key, source_key, listens, first_played_at_ms, last_played_at_ms)
SELECT
    user_key,
    source_key,
    count(*) AS listens,
    min(played_at_ms) AS first_played_at_ms,
    max(played_at_ms) AS last_played_at_ms
FROM listens
GROUP BY user_key, source_key;

-- Listens of tracks with audio features, by person and source of the features.
CREATE TABLE covered_listens (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    source_key INTEGER NOT NULL REFERENCES sources (source_key),
    listens BIGINT NOT NULL CHECK (listens > 0),
    PRIMARY KEY (user_key, source_key)
);
INSERT INTO covered_listens (user_key, source_key, listens)
SELECT
    l.user_key,
    f.source_key,
    count(*) AS listens
FROM listens AS l
INNER JOIN audio_features AS f ON l.track_key = f.track_key
GROUP BY l.user_key, f.source_key;

-- Tracks with at least one listen. Without a foreign key: its check would cost a tenth of a load on PostgreSQL.
CREATE TABLE heard_tracks (track_key INTEGER PRIMARY KEY);
INSERT INTO heard_tracks (track_key)
SELECT DISTINCT track_key FROM listens;

-- A row here says why the totals cannot be used until they are counted again, which the next run does.
CREATE TABLE stale_totals (reason TEXT PRIMARY KEY);

-- Pending plays are counted from the index alone.
DROP INDEX named_plays_waiting;
CREATE INDEX named_plays_waiting ON named_plays (user_key, ended_at_ms) WHERE track_key IS NULL;
