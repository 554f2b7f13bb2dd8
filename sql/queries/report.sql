-- Queries of pages, recaps and summaries. :first and :last are local days, both included.

-- name: report_listens
-- A person's listens as numbers, each column joined by commas; -1 for an unknown play time.
SELECT
    string_agg(CAST(l.played_at_ms AS TEXT), ',') AS played_at_ms,
    string_agg(CAST(l.track_key AS TEXT), ',') AS track_key,
    string_agg(CAST(coalesce(l.ms_played, -1) AS TEXT), ',') AS ms_played
FROM users AS u
INNER JOIN listens AS l ON u.user_key = l.user_key
WHERE /* span: l.played_at_ms >= :since AND l.played_at_ms < :end AND */ u.user_id = :user;

-- name: report_tracks
-- What is known of some tracks of a person, by id.
SELECT
    x.track_key,
    x.track_id,
    x.track,
    x.artists,
    x.mood,
    x.p_calm,
    x.p_energetic,
    x.p_happy,
    x.p_sad,
    x.mood_set,
    x.uncertain,
    x.unlabelled_reason,
    x.feature_source,
    x.model_version,
    x.label_source,
    f.valence,
    f.energy,
    k.duration_ms
FROM (
    SELECT
        t.track_key,
        t.track_id,
        t.track,
        t.artists,
        CASE WHEN p.track_key IS NULL THEN t.mood ELSE p.mood END AS mood,
        CASE WHEN p.track_key IS NULL THEN t.p_calm ELSE p.p_calm END AS p_calm,
        CASE WHEN p.track_key IS NULL THEN t.p_energetic ELSE p.p_energetic END AS p_energetic,
        CASE WHEN p.track_key IS NULL THEN t.p_happy ELSE p.p_happy END AS p_happy,
        CASE WHEN p.track_key IS NULL THEN t.p_sad ELSE p.p_sad END AS p_sad,
        CASE WHEN p.track_key IS NULL THEN t.mood_set ELSE p.mood_set END AS mood_set,
        coalesce(CASE WHEN p.track_key IS NULL THEN t.uncertain ELSE p.uncertain END, 0) AS uncertain,
        CASE WHEN p.track_key IS NULL THEN t.unlabelled_reason ELSE p.unlabelled_reason END AS unlabelled_reason,
        CASE WHEN p.label_source = 'person' THEN NULL ELSE t.feature_source END AS feature_source,
        CASE WHEN p.track_key IS NULL THEN t.model_version ELSE p.model_version END AS model_version,
        coalesce(p.label_source, CASE WHEN t.mood IS NOT NULL THEN 'model' END) AS label_source
    FROM _track_moods AS t
    LEFT JOIN _person_moods AS p
        ON t.track_key = p.track_key AND p.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
    WHERE t.track_key = ANY(:ids)
) AS x
INNER JOIN tracks AS k ON x.track_key = k.track_key
LEFT JOIN audio_features AS f ON x.track_key = f.track_key
ORDER BY x.track_id;

-- name: page_days
-- Listens by day and mood, and the 90% interval of the mood's share.
SELECT
    day,
    mood,
    listens,
    share_low,
    share_high
FROM mood_daily
WHERE user_id = :user AND day >= :first AND day <= :last
ORDER BY day, mood;

-- name: page_months
-- Shares of the moods by month with their 90% intervals.
SELECT
    month,
    mood,
    listens,
    share,
    share_expected,
    share_low,
    share_high
FROM mood_monthly
WHERE user_id = :user AND month >= :first AND month <= :last
ORDER BY month, mood;

-- name: page_gaps
-- A person's possible gaps, the newest first.
SELECT
    g.starts_at_ms,
    g.ends_at_ms,
    g.filled_at_ms
FROM gaps AS g
INNER JOIN users AS u ON g.user_key = u.user_key
WHERE u.user_id = :user
ORDER BY g.starts_at_ms DESC;

-- name: listens_by_reason
-- Some people's listens since a time, by the reason for a missing mood; NULL for listens with a mood.
SELECT
    u.user_id,
    CASE WHEN p.track_key IS NULL THEN t.unlabelled_reason ELSE p.unlabelled_reason END AS unlabelled_reason,
    count(*) AS listens
FROM users AS u
INNER JOIN listens AS l ON u.user_key = l.user_key
INNER JOIN _track_moods AS t ON l.track_key = t.track_key
LEFT JOIN _person_moods AS p ON l.user_key = p.user_key AND l.track_key = p.track_key
WHERE u.user_id = ANY(:ids) AND l.played_at_ms >= :since
GROUP BY u.user_id, CASE WHEN p.track_key IS NULL THEN t.unlabelled_reason ELSE p.unlabelled_reason END
ORDER BY u.user_id, listens DESC, unlabelled_reason;

-- name: count_open_gaps
-- The number of some people's gaps that are not filled.
SELECT
    u.user_id,
    count(*) AS gaps
FROM users AS u
INNER JOIN gaps AS g ON u.user_key = g.user_key
WHERE u.user_id = ANY(:ids) AND g.filled_at_ms IS NULL
GROUP BY u.user_id;

-- name: recap_first_day
-- The first day with listens of a person, in days since 1970-01-01.
SELECT min(d.day)
FROM users AS u
INNER JOIN _mood_days_by_mood AS d ON u.user_key = d.user_key
WHERE u.user_id = :user AND d.listens > 0;

-- name: recap_days
-- A person's listens by day and mood. By integer day, in the order of the rows on disk.
SELECT
    d.day,
    d.mood,
    d.listens,
    d.expected_listens,
    d.listens_variance
FROM users AS u
INNER JOIN _mood_days_by_mood AS d ON u.user_key = d.user_key AND d.day >= :first AND d.day <= :last
WHERE u.user_id = :user;

-- name: recap_tracks
-- A person's tracks between two times with their moods: listens, those with a known length, and the time [ms].
SELECT
    t.track_id,
    t.name AS track,
    t.artists,
    CASE WHEN o.track_key IS NULL THEN m.mood ELSE o.mood END AS mood,
    p.listens,
    CASE WHEN t.duration_ms IS NULL THEN p.timed ELSE p.listens END AS timed,
    coalesce(p.ms, 0) + (p.listens - p.timed) * coalesce(t.duration_ms, 0) AS ms
FROM (
    SELECT
        l.user_key,
        l.track_key,
        count(*) AS listens,
        count(l.ms_played) AS timed,
        sum(l.ms_played) AS ms
    FROM users AS u
    INNER JOIN listens AS l ON u.user_key = l.user_key
    WHERE u.user_id = :user AND l.played_at_ms >= :since AND l.played_at_ms < :end
    GROUP BY l.user_key, l.track_key
) AS p
INNER JOIN tracks AS t ON p.track_key = t.track_key
INNER JOIN _track_moods AS m ON p.track_key = m.track_key
LEFT JOIN person_labels AS o ON p.user_key = o.user_key AND p.track_key = o.track_key;

-- name: count_people
-- The number of people, at most :most.
SELECT count(*) FROM (SELECT user_id FROM users ORDER BY user_id LIMIT :most) AS u;

-- name: recent_days_by_person
-- The listens by day and mood of the :most people with the most listens on these days. By integer day, in the order of
-- the rows on disk; the view mood_daily shows the same rows with dates.
WITH first_people AS (
    SELECT
        u.user_key,
        u.user_id,
        u.display_name
    FROM users AS u
    INNER JOIN _mood_days AS d ON u.user_key = d.user_key AND d.day >= :first AND d.day <= :last
    GROUP BY u.user_key, u.user_id, u.display_name
    ORDER BY sum(d.calm + d.energetic + d.happy + d.sad + d.unlabelled) DESC, u.user_id
    LIMIT :most
)

SELECT
    p.user_id,
    p.display_name,
    d.day,
    d.mood,
    d.listens
FROM _mood_days_by_mood AS d
INNER JOIN first_people AS p ON d.user_key = p.user_key
WHERE d.day >= :first AND d.day <= :last AND d.listens > 0
ORDER BY p.user_id, d.day DESC, d.mood;

-- name: recent_days
-- The listens of all people by day and mood. By integer day, in the order of the rows on disk.
SELECT
    d.day,
    d.mood,
    sum(d.listens) AS listens
FROM users AS u
INNER JOIN _mood_days_by_mood AS d ON u.user_key = d.user_key AND d.day >= :first AND d.day <= :last AND d.listens > 0
GROUP BY d.day, d.mood;

-- name: datasette_moods_by_month
-- Listens by month and mood.
SELECT
    substr(month, 1, 7) AS month,
    mood,
    sum(listens) AS listens
FROM mood_monthly
WHERE display_name = :person OR :person = ''
GROUP BY month, mood
ORDER BY month, mood;

-- name: datasette_longest_streaks
-- Longest streaks of days with the same leading mood.
SELECT
    display_name,
    mood,
    first_day,
    last_day,
    days,
    listens
FROM mood_streaks
ORDER BY days DESC, first_day
LIMIT 50;

-- name: datasette_what_follows_what
-- How often one mood follows another within half an hour.
SELECT
    display_name,
    from_mood,
    to_mood,
    transitions,
    share
FROM mood_transitions
ORDER BY display_name, from_mood, to_mood;

-- name: datasette_top_tracks
-- A person's most played tracks of a mood, or of each. Ranking the tracks of a thousand people would take long.
SELECT
    display_name,
    mood,
    place,
    track,
    artists,
    listens
FROM top_tracks_by_mood
WHERE user_id = :user_id AND (mood = :mood OR :mood = '') AND place <= 20
ORDER BY mood, place;

-- name: datasette_top_artists
-- A person's most played artists of a mood, or of each; every artist of a track counts.
SELECT
    display_name,
    mood,
    place,
    artist,
    listens
FROM top_artists_by_mood
WHERE user_id = :user_id AND (mood = :mood OR :mood = '') AND place <= 20
ORDER BY mood, place;

-- name: datasette_sessions
-- A person's longest sessions.
SELECT
    display_name,
    local_day,
    local_hour,
    minutes,
    listens
FROM sessions
WHERE user_id = :user_id
ORDER BY minutes DESC, local_day, local_hour
LIMIT 50;

-- name: datasette_expected_shares
-- A person's expected share of a mood, or of each, on the newest days, with its 90% interval.
SELECT
    display_name,
    day,
    mood,
    share_expected,
    share_low,
    share_high
FROM mood_daily_expected
WHERE user_id = :user_id AND (mood = :mood OR :mood = '')
ORDER BY day DESC, mood
LIMIT 100;

-- name: most_heard_person
-- The id of the person with the most listens.
SELECT user_id FROM feature_coverage_by_person
ORDER BY listens DESC, user_id
LIMIT 1;
