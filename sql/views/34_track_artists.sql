-- One row per track and artist: place_of_artist is 1 for the main artist. Join it to other views by track_id.
CREATE VIEW track_artists AS
SELECT
    t.track_id,
    t.name AS track,
    a.place AS place_of_artist,
    a.artist
FROM tracks AS t
INNER JOIN artist_credits AS a ON t.track_key = a.track_key
