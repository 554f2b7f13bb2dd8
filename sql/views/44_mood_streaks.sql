-- One row per streak of days on which the same mood was the most frequent among a person's labelled listens: first and
-- last local day, number of days and listens. A day without labelled listens ends a streak. If moods tie on a day, the
-- first by name leads.
CREATE VIEW mood_streaks AS
SELECT
    d.user_id,
    d.display_name,
    d.mood,
    DATE '1970-01-01' + d.day AS first_day,
    DATE '1970-01-01' + d.last_day AS last_day,
    d.days,
    d.listens
FROM (
    -- Window functions instead of GROUP BY: a condition on the person is then pushed down to the innermost table.
    SELECT
        r.user_id,
        r.display_name,
        r.mood,
        r.day,
        min(r.day) OVER (PARTITION BY r.user_id, r.mood, r.run) AS first_day,
        max(r.day) OVER (PARTITION BY r.user_id, r.mood, r.run) AS last_day,
        count(*) OVER (PARTITION BY r.user_id, r.mood, r.run) AS days,
        CAST(sum(r.listens) OVER (PARTITION BY r.user_id, r.mood, r.run) AS BIGINT) AS listens
    FROM (
        SELECT
            u.user_id,
            u.display_name,
            l.mood,
            l.day,
            l.listens,
            l.day - row_number() OVER (PARTITION BY u.user_id, l.mood ORDER BY l.day) AS run
        FROM users AS u
        INNER JOIN (
            SELECT
                m.user_key,
                m.day,
                greatest(m.calm, m.energetic, m.happy, m.sad) AS listens,
                CASE greatest(m.calm, m.energetic, m.happy, m.sad)
                    WHEN m.calm THEN 'Calm'
                    WHEN m.energetic THEN 'Energetic'
                    WHEN m.happy THEN 'Happy'
                    ELSE 'Sad'
                END AS mood
            FROM _mood_days AS m
        ) AS l ON u.user_key = l.user_key
        WHERE l.listens > 0
    ) AS r
) AS d
WHERE d.day = d.first_day
