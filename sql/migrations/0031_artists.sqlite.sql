-- The artists of each track, one row each; place 1 is the main artist. The column tracks.artists separates names by
-- commas, and a name can contain one: "Tyler, The Creator". For tracks from before this migration the names are split
-- there; moodlog rebuild reads the exact names from the lake.
CREATE TABLE artist_credits (
    track_key INTEGER NOT NULL REFERENCES tracks (track_key) ON DELETE CASCADE,
    place INTEGER NOT NULL CHECK (place > 0),
    artist TEXT NOT NULL,
    PRIMARY KEY (track_key, place)
) WITHOUT ROWID;

INSERT INTO artist_credits (track_key, place, artist)
SELECT
    t.track_key,
    a.key + 1 AS place,
    a.value AS artist
FROM tracks AS t
CROSS JOIN json_each('[' || replace(json_quote(t.artists), ', ', '","') || ']') AS a
WHERE t.artists <> '';

CREATE INDEX artist_credits_by_artist ON artist_credits (artist, track_key);

-- As in 0026: the statistics of a typical large database.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
('artist_credits', 'artist_credits', '1500000 2 1'),
('artist_credits', 'artist_credits_by_artist', '1500000 10 1 1'),
('end_reasons', 'sqlite_autoindex_end_reasons_1', '18 1');

ANALYZE sqlite_schema;
