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
    -- Windows instead of GROUP BY: SQLite pushes a condition on the person down through them.
    SELECT
        h.user_id,
        h.display_name,
        h.mood,
        a.artist,
        CAST(sum(h.listens) OVER same AS BIGINT) AS listens,
        row_number() OVER same AS part
    FROM (
        SELECT
            k.user_id,
            k.display_name,
            k.track_key,
            k.listens,
            CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END AS mood
        FROM (
            -- By key before the artists are looked up. The counted listens, then those since.
            SELECT
                u.user_key,
                u.user_id,
                u.display_name,
                k.track_key,
                k.listens
            FROM users AS u
            INNER JOIN counted_tracks AS k ON u.user_key = k.user_key
            UNION ALL
            SELECT
                u.user_key,
                u.user_id,
                u.display_name,
                l.track_key,
                count(*) AS listens
            FROM users AS u
            LEFT JOIN counted_people AS c ON u.user_key = c.user_key
            INNER JOIN listens AS l ON u.user_key = l.user_key AND l.played_at_ms >= coalesce(c.until_ms, 0)
            GROUP BY u.user_key, u.user_id, u.display_name, l.track_key
        ) AS k
        LEFT JOIN moods AS m
            ON m.model_key IN (
                (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
                (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
            ) AND k.track_key = m.track_key
        LEFT JOIN person_labels AS p ON k.user_key = p.user_key AND k.track_key = p.track_key
    ) AS h
    INNER JOIN artist_credits AS a ON h.track_key = a.track_key
    WHERE h.mood IS NOT NULL
    WINDOW same AS (PARTITION BY h.user_id, h.mood, a.artist)
) AS d
WHERE d.part = 1
