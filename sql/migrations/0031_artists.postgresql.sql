-- The artists of each track, one row each; place 1 is the main artist. The column tracks.artists separates names by
-- commas, and a name can contain one: "Tyler, The Creator". For tracks from before this migration the names are split
-- there; moodlog rebuild reads the exact names from the lake.
CREATE TABLE artist_credits (
    track_key INTEGER NOT NULL REFERENCES tracks (track_key) ON DELETE CASCADE,
    place INTEGER NOT NULL CHECK (place > 0),
    artist TEXT NOT NULL,
    PRIMARY KEY (track_key, place)
);

INSERT INTO artist_credits (track_key, place, artist)
SELECT
    t.track_key,
    a.place,
    a.artist
FROM tracks AS t
CROSS JOIN LATERAL unnest(string_to_array(t.artists, ', ')) WITH ORDINALITY AS a (artist, place)
WHERE t.artists <> '';

-- A hash index, because a B-tree refuses long names.
CREATE INDEX artist_credits_by_artist ON artist_credits USING hash (artist);
