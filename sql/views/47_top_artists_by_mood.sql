-- One row per person, mood and artist: number of labelled listens of the artist's tracks, also as one of several
-- artists, and the artist's rank among that person's artists of that mood (1 is the most played; ties by name).
CREATE VIEW top_artists_by_mood AS
SELECT
    d.user_id,
    d.display_name,
    d.mood,
    row_number() OVER (PARTITION BY d.user_id, d.mood ORDER BY d.listens DESC, d.artist) AS place,
    d.artist,
    d.listens
FROM (
    SELECT
        h.user_id,
        h.display_name,
        m.mood,
        a.artist,
        CAST(sum(h.listens) AS BIGINT) AS listens
    FROM (
        -- Counted by key before the artists are looked up: a person has many more listens than tracks.
        SELECT
            u.user_id,
            u.display_name,
            l.track_key,
            count(*) AS listens
        FROM users AS u
        INNER JOIN listens AS l ON u.user_key = l.user_key
        GROUP BY u.user_id, u.display_name, l.track_key
    ) AS h
    INNER JOIN moods AS m
        ON m.model_key IN (
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
        ) AND h.track_key = m.track_key
    INNER JOIN artist_credits AS a ON h.track_key = a.track_key
    GROUP BY h.user_id, h.display_name, m.mood, a.artist
) AS d
