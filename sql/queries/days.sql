-- The daily counts: listens by person, local day and mood, in the table _mood_days.

-- name: add_to_mood_days
-- Add counts of new listens to the daily counts.
INSERT INTO _mood_days (
    user_key, day, calm, energetic, happy, sad, unlabelled, uncertain_calm, uncertain_energetic, uncertain_happy,
    uncertain_sad, expected_calm, expected_energetic, expected_happy, expected_sad, variance_calm, variance_energetic,
    variance_happy, variance_sad
)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, day) DO UPDATE SET
    calm = _mood_days.calm + excluded.calm,
    energetic = _mood_days.energetic + excluded.energetic,
    happy = _mood_days.happy + excluded.happy,
    sad = _mood_days.sad + excluded.sad,
    unlabelled = _mood_days.unlabelled + excluded.unlabelled,
    uncertain_calm = _mood_days.uncertain_calm + excluded.uncertain_calm,
    uncertain_energetic = _mood_days.uncertain_energetic + excluded.uncertain_energetic,
    uncertain_happy = _mood_days.uncertain_happy + excluded.uncertain_happy,
    uncertain_sad = _mood_days.uncertain_sad + excluded.uncertain_sad,
    expected_calm = _mood_days.expected_calm + excluded.expected_calm,
    expected_energetic = _mood_days.expected_energetic + excluded.expected_energetic,
    expected_happy = _mood_days.expected_happy + excluded.expected_happy,
    expected_sad = _mood_days.expected_sad + excluded.expected_sad,
    variance_calm = _mood_days.variance_calm + excluded.variance_calm,
    variance_energetic = _mood_days.variance_energetic + excluded.variance_energetic,
    variance_happy = _mood_days.variance_happy + excluded.variance_happy,
    variance_sad = _mood_days.variance_sad + excluded.variance_sad;

-- name: remove_all_mood_days
-- Remove all daily counts, before they are counted again.
DELETE FROM _mood_days;

-- name: every_person_key
-- The keys of all people.
SELECT user_key FROM users
ORDER BY user_key;

-- name: remove_mood_days_of
-- Remove the daily counts of some people, before they are counted again.
DELETE FROM _mood_days
WHERE user_key = ANY(:ids);

-- name: remove_mood_days
-- Remove the daily counts of :pairs (each a person's key and a local day), before they are counted again.
DELETE FROM _mood_days
WHERE
    (user_key, day) IN (
        SELECT
            CAST(p.value ->> 0 AS INTEGER) AS user_key,
            CAST(p.value ->> 1 AS INTEGER) AS day
        FROM json_array_elements(CAST(:pairs AS JSON)) AS p
    );

-- name: count_mood_days
-- Count listens by person, local day and mood: all listens, those of some people, or those on the days of :pairs. The
-- days are materialized, because SQLite would parse the JSON again for every listen. A local day is within one day of
-- the UTC day with the same date, which limits the search; the local day decides.
/* pairs: WITH s AS MATERIALIZED (
    SELECT
        CAST(p.value ->> 0 AS INTEGER) AS user_key,
        CAST(p.value ->> 1 AS INTEGER) AS day
    FROM json_array_elements(CAST(:pairs AS JSON)) AS p
) */
INSERT INTO _mood_days (
    user_key, day, calm, energetic, happy, sad, unlabelled, uncertain_calm, uncertain_energetic, uncertain_happy,
    uncertain_sad, expected_calm, expected_energetic, expected_happy, expected_sad, variance_calm, variance_energetic,
    variance_happy, variance_sad
)
SELECT
    x.user_key,
    x.day,
    count(CASE WHEN x.mood = 'Calm' THEN 1 END) AS calm,
    count(CASE WHEN x.mood = 'Energetic' THEN 1 END) AS energetic,
    count(CASE WHEN x.mood = 'Happy' THEN 1 END) AS happy,
    count(CASE WHEN x.mood = 'Sad' THEN 1 END) AS sad,
    count(*) - count(x.mood) AS unlabelled,
    count(CASE WHEN x.mood = 'Calm' AND x.uncertain = 1 THEN 1 END) AS uncertain_calm,
    count(CASE WHEN x.mood = 'Energetic' AND x.uncertain = 1 THEN 1 END) AS uncertain_energetic,
    count(CASE WHEN x.mood = 'Happy' AND x.uncertain = 1 THEN 1 END) AS uncertain_happy,
    count(CASE WHEN x.mood = 'Sad' AND x.uncertain = 1 THEN 1 END) AS uncertain_sad,
    coalesce(CAST(sum(x.calm) AS BIGINT), 0) AS expected_calm,
    coalesce(CAST(sum(x.energetic) AS BIGINT), 0) AS expected_energetic,
    coalesce(CAST(sum(x.happy) AS BIGINT), 0) AS expected_happy,
    coalesce(CAST(sum(x.sad) AS BIGINT), 0) AS expected_sad,
    coalesce(CAST(sum(x.calm * (10000 - x.calm)) AS BIGINT), 0) AS variance_calm,
    coalesce(CAST(sum(x.energetic * (10000 - x.energetic)) AS BIGINT), 0) AS variance_energetic,
    coalesce(CAST(sum(x.happy * (10000 - x.happy)) AS BIGINT), 0) AS variance_happy,
    coalesce(CAST(sum(x.sad * (10000 - x.sad)) AS BIGINT), 0) AS variance_sad
FROM (
    -- Probabilities in units of 1e-4. The addend rounds halves up in both databases; PostgreSQL rounds them to even.
    -- floor() is not used: SQLAlchemy replaces it on SQLite with a function that fails at NULL.
    SELECT
        y.user_key,
        y.day,
        y.mood,
        y.uncertain,
        CAST(round(CAST(y.p_calm AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS calm,
        CAST(round(CAST(y.p_energetic AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS energetic,
        CAST(round(CAST(y.p_happy AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS happy,
        CAST(round(CAST(y.p_sad AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT) AS sad
    FROM (
        SELECT
            d.user_key,
            d.day,
            CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END AS mood,
            CASE WHEN p.track_key IS NULL THEN m.uncertain ELSE p.uncertain END AS uncertain,
            CASE WHEN p.track_key IS NULL THEN m.p_calm ELSE p.p_calm END AS p_calm,
            CASE WHEN p.track_key IS NULL THEN m.p_energetic ELSE p.p_energetic END AS p_energetic,
            CASE WHEN p.track_key IS NULL THEN m.p_happy ELSE p.p_happy END AS p_happy,
            CASE WHEN p.track_key IS NULL THEN m.p_sad ELSE p.p_sad END AS p_sad
        FROM (
            SELECT
                l.user_key,
                l.track_key,
                CAST((l.played_at_ms / 1000 + o.offset_s) / 86400 AS INTEGER) AS day
            FROM /* pairs: s CROSS JOIN */ listens AS l
            INNER JOIN users AS u ON l.user_key = u.user_key
            INNER JOIN _utc_offsets AS o
                ON u.timezone = o.timezone AND l.played_at_ms >= o.starts_at_ms AND l.played_at_ms < o.ends_at_ms
            WHERE
                TRUE
                /* ids: AND l.user_key = ANY(:ids) */
                /* pairs: AND l.user_key = s.user_key
                AND l.played_at_ms >= (s.day * CAST(86400 AS BIGINT) - 86400) * 1000
                AND l.played_at_ms < (s.day * CAST(86400 AS BIGINT) + 172800) * 1000
                AND (l.played_at_ms / 1000 + o.offset_s) / 86400 = s.day */
        ) AS d
        LEFT JOIN _current_moods AS m ON d.track_key = m.track_key
        LEFT JOIN person_labels AS p ON d.user_key = p.user_key AND d.track_key = p.track_key
    ) AS y
) AS x
GROUP BY x.user_key, x.day;

-- name: shift_mood_days
-- Change the counts of a day by differences.
UPDATE _mood_days SET
    calm = calm + :calm,
    energetic = energetic + :energetic,
    happy = happy + :happy,
    sad = sad + :sad,
    unlabelled = unlabelled + :unlabelled,
    uncertain_calm = uncertain_calm + :uncertain_calm,
    uncertain_energetic = uncertain_energetic + :uncertain_energetic,
    uncertain_happy = uncertain_happy + :uncertain_happy,
    uncertain_sad = uncertain_sad + :uncertain_sad,
    expected_calm = expected_calm + :expected_calm,
    expected_energetic = expected_energetic + :expected_energetic,
    expected_happy = expected_happy + :expected_happy,
    expected_sad = expected_sad + :expected_sad,
    variance_calm = variance_calm + :variance_calm,
    variance_energetic = variance_energetic + :variance_energetic,
    variance_happy = variance_happy + :variance_happy,
    variance_sad = variance_sad + :variance_sad
WHERE user_key = :user_key AND day = :day;
