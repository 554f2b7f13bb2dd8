-- One row per person, mood and artist, for a person's 50 most played artists of each mood: number of labelled listens
-- of the artist's tracks, even as one of several artists, and the artist's rank (1 is the most played; ties by name).
CREATE VIEW top_artists_by_mood AS
SELECT
    d.user_id,
    d.display_name,
    d.mood,
    d.place,
    d.artist,
    d.listens
FROM (
    -- The kept ranks, then those of people who have new listens.
    SELECT
        p.user_id,
        p.display_name,
        k.mood,
        k.place,
        k.artist,
        k.listens
    FROM _ranked_people AS p
    INNER JOIN _counted_top_artists AS k ON p.user_key = k.user_key
    UNION ALL
    -- The window is in a query of its own: SQLite pushes no condition down into one of a UNION ALL that has windows.
    SELECT
        q.user_id,
        q.display_name,
        q.mood,
        q.place,
        q.artist,
        q.listens
    FROM (
        SELECT
            r.user_id,
            r.display_name,
            r.mood,
            row_number() OVER (
                PARTITION BY r.user_id, r.mood
                ORDER BY r.listens DESC, r.artist COLLATE "C" -- noqa: RF03
            ) AS place,
            r.artist,
            r.listens
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
                FROM _unranked_plays AS k
                LEFT JOIN _current_moods AS m ON k.track_key = m.track_key
                LEFT JOIN person_labels AS p ON k.user_key = p.user_key AND k.track_key = p.track_key
            ) AS h
            -- Finds the artists of a track with the index, as the labels in mood_transitions. OFFSET forces this plan.
            CROSS JOIN
                LATERAL (
                    SELECT a.artist FROM artist_credits AS a
                    WHERE h.track_key = a.track_key
                    OFFSET 0 -- noqa: AM09
                ) AS a
            WHERE h.mood IS NOT NULL
            WINDOW same AS (PARTITION BY h.user_id, h.mood, a.artist)
        ) AS r
        WHERE r.part = 1
    ) AS q
    WHERE q.place <= 50
) AS d
