-- One row a run of days on which the same mood led a person's labelled listens: first and last local day, how many days
-- and listens. A day without labelled listens ends a run; where moods tie on a day, the first by name leads.
CREATE VIEW mood_streaks AS
WITH led AS (
    SELECT
        u.user_id,
        u.display_name,
        m.day,
        m.mood,
        m.listens,
        row_number() OVER (PARTITION BY u.user_id, m.day ORDER BY m.listens DESC, m.mood) AS place
    FROM day_moods AS m
    INNER JOIN users AS u ON m.user_key = u.user_key
    WHERE m.mood <> 'Unlabelled'
),

runs AS (
    SELECT
        user_id,
        display_name,
        mood,
        day,
        listens,
        day - row_number() OVER (PARTITION BY user_id, mood ORDER BY day) AS run
    FROM led
    WHERE place = 1
),

d AS (
    SELECT
        user_id,
        display_name,
        mood,
        min(day) AS first_day,
        max(day) AS last_day,
        count(*) AS days,
        CAST(sum(listens) AS BIGINT) AS listens
    FROM runs
    GROUP BY user_id, display_name, mood, run
)

SELECT
    d.user_id,
    d.display_name,
    d.mood,
    date(d.first_day * 86400, 'unixepoch') AS first_day,
    date(d.last_day * 86400, 'unixepoch') AS last_day,
    d.days,
    d.listens
FROM d
