-- Queries of the live pages. :user is a person's id; :since and :end are times in ms, the end excluded.

-- name: web_day_listens
-- A person's listens between two times with their labels, in the order of time.
SELECT
    played_at_ms,
    ms_played,
    track_id,
    track,
    artists,
    mood,
    p_calm,
    p_energetic,
    p_happy,
    p_sad,
    mood_set,
    uncertain,
    unlabelled_reason,
    label_source
FROM mood_history
WHERE user_id = :user AND played_at_ms >= :since AND played_at_ms < :end
ORDER BY played_at_ms, track_id;

-- name: web_months
-- A person's listens by month and mood, with the mean and the variance of the listens that the mood has by the model.
SELECT
    month,
    mood,
    listens
FROM mood_monthly
WHERE user_id = :user AND listens > 0
ORDER BY month, mood;

-- name: web_days_with_listens
-- The first and the last day with listens of a person, in days since 1970-01-01.
-- One aggregate each, which is one step in the index.
SELECT
    (
        SELECT min(d.day) FROM _mood_days AS d
        WHERE d.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
    ) AS first_day,
    (
        SELECT max(d.day) FROM _mood_days AS d
        WHERE d.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
    ) AS last_day;

-- name: web_hours
-- A person's listens by hour of the day and mood.
SELECT
    hour,
    mood,
    listens
FROM mood_by_hour
WHERE user_id = :user AND listens > 0
ORDER BY hour, mood;

-- name: web_top_tracks
-- A person's most played tracks of each mood.
SELECT
    mood,
    track_id,
    track,
    artists,
    listens
FROM top_tracks_by_mood
WHERE user_id = :user AND place <= :most
ORDER BY mood, place;

-- name: web_heard_tracks
-- All tracks that a person has played, with the number of listens: the counted ones, then those since.
SELECT
    t.track_id,
    t.name AS track,
    t.artists,
    h.listens
FROM (
    SELECT
        g.track_key,
        CAST(sum(g.listens) AS BIGINT) AS listens
    FROM (
        SELECT
            k.track_key,
            k.listens
        FROM users AS u
        INNER JOIN _counted_tracks AS k ON u.user_key = k.user_key
        WHERE u.user_id = :user
        UNION ALL
        SELECT
            l.track_key,
            count(*) AS listens
        FROM users AS u
        LEFT JOIN _counted_people AS c ON u.user_key = c.user_key
        INNER JOIN listens AS l ON u.user_key = l.user_key AND l.played_at_ms >= coalesce(c.until_ms, 0)
        WHERE u.user_id = :user
        GROUP BY l.track_key
    ) AS g
    GROUP BY g.track_key
) AS h
INNER JOIN tracks AS t ON h.track_key = t.track_key;

-- name: web_track
-- What is known of a track, its label for a person, and the label by the model.
SELECT
    t.track_id,
    t.track,
    t.artists,
    t.album,
    t.release_date,
    CASE WHEN p.track_key IS NULL THEN t.mood ELSE p.mood END AS mood,
    CASE WHEN p.track_key IS NULL THEN t.p_calm ELSE p.p_calm END AS p_calm,
    CASE WHEN p.track_key IS NULL THEN t.p_energetic ELSE p.p_energetic END AS p_energetic,
    CASE WHEN p.track_key IS NULL THEN t.p_happy ELSE p.p_happy END AS p_happy,
    CASE WHEN p.track_key IS NULL THEN t.p_sad ELSE p.p_sad END AS p_sad,
    CASE WHEN p.track_key IS NULL THEN t.mood_set ELSE p.mood_set END AS mood_set,
    CASE WHEN p.track_key IS NULL THEN t.uncertain ELSE p.uncertain END AS uncertain,
    CASE WHEN p.track_key IS NULL THEN t.unlabelled_reason ELSE p.unlabelled_reason END AS unlabelled_reason,
    p.label_source,
    t.mood AS model_mood,
    t.out_of_distribution,
    t.model_version,
    t.feature_source
FROM _track_moods AS t
LEFT JOIN _person_moods AS p
    ON t.track_key = p.track_key AND p.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
WHERE t.track_id = :track;

-- name: web_track_listens
-- The times of a person's listens of a track, joined by commas.
SELECT string_agg(CAST(l.played_at_ms AS TEXT), ',') AS played_at_ms
FROM users AS u
INNER JOIN listens AS l ON u.user_key = l.user_key
WHERE u.user_id = :user AND l.track_key = (SELECT t.track_key FROM tracks AS t WHERE t.track_id = :track);

-- name: web_account_numbers
-- Each person's number of listens, those with audio features, and open gaps.
SELECT
    c.user_id,
    c.listens,
    c.covered_listens,
    (
        SELECT count(*)
        FROM gaps AS g
        INNER JOIN users AS u ON g.user_key = u.user_key
        WHERE u.user_id = c.user_id AND g.filled_at_ms IS NULL
    ) AS open_gaps
FROM feature_coverage_by_person AS c
ORDER BY c.user_id;

-- name: web_most_played
-- A person's most played tracks between two times, with their moods.
SELECT
    t.track_id,
    t.track,
    t.artists,
    CASE WHEN o.track_key IS NULL THEN t.mood ELSE o.mood END AS mood,
    p.listens
FROM (
    SELECT
        l.track_key,
        count(*) AS listens
    FROM users AS u
    INNER JOIN listens AS l ON u.user_key = l.user_key
    WHERE u.user_id = :user AND l.played_at_ms >= :since AND l.played_at_ms < :end
    GROUP BY l.track_key
    ORDER BY count(*) DESC, l.track_key
    LIMIT :most
) AS p
INNER JOIN _track_moods AS t ON p.track_key = t.track_key
LEFT JOIN _person_moods AS o
    ON p.track_key = o.track_key AND o.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
ORDER BY p.listens DESC, t.track_id;
