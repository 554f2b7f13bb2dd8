-- Stored listens, gaps and tracks, for a pull.

-- name: newest_listen_before
-- The time of a person's newest listen before a time.
SELECT max(played_at_ms) FROM listens
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id) AND played_at_ms < :moment;

-- name: newest_play_before
-- The time of a person's newest listen or play by name before a time.
SELECT max(played_at_ms) FROM (
    SELECT max(l.played_at_ms) AS played_at_ms FROM listens AS l
    WHERE l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id) AND l.played_at_ms < :moment
    UNION ALL
    SELECT max(p.ended_at_ms) AS played_at_ms FROM named_plays AS p
    WHERE p.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id) AND p.ended_at_ms < :moment
) AS plays;

-- name: named_plays_between
-- A person's plays by name of a period: those without a known track, and all of one source.
SELECT
    p.ended_at_ms,
    p.artist,
    p.title,
    p.ms_played,
    coalesce(s.source, 'account_data') AS source
FROM named_plays AS p
LEFT JOIN sources AS s ON p.source_key = s.source_key
WHERE
    p.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id)
    AND p.ended_at_ms BETWEEN :first AND :last
    AND (p.track_key IS NULL OR s.source = :source)
ORDER BY p.ended_at_ms, p.artist, p.title;

-- name: plays_since
-- A person's listens from a time on with their tracks, oldest first.
SELECT
    t.track_id,
    t.name,
    t.artists,
    t.duration_ms,
    t.isrc,
    l.played_at_ms,
    l.ms_played,
    s.source
FROM listens AS l
INNER JOIN tracks AS t ON l.track_key = t.track_key
INNER JOIN sources AS s ON l.source_key = s.source_key
WHERE
    l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id)
    AND l.played_at_ms >= :since
    /* until: AND l.played_at_ms <= :until */
ORDER BY l.played_at_ms, t.track_id;

-- name: described_tracks
-- The tracks of a list whose title is stored, and what is known of each recording.
SELECT
    track_id,
    duration_ms,
    isrc,
    release_date
FROM tracks
WHERE track_id = ANY(:ids) AND name <> '';

-- name: names_of_some_tracks
-- Every name of the tracks of a list, the one that describes the track first.
SELECT
    track_id,
    artists AS artist,
    name AS title,
    0 AS place
FROM tracks
WHERE track_id = ANY(:ids) AND name <> ''
UNION ALL
SELECT
    t.track_id,
    n.artist,
    n.title,
    1 AS place
FROM track_names AS n
INNER JOIN tracks AS t ON n.track_key = t.track_key
WHERE t.track_id = ANY(:ids)
ORDER BY track_id, place, artist, title;

-- name: titled_tracks
-- The tracks of a list whose title is stored.
SELECT track_id FROM tracks
WHERE track_id = ANY(:ids) AND name <> '';

-- name: gaps
-- Every possible gap, or those of some people, newest first.
SELECT
    u.user_id,
    g.starts_at_ms,
    g.ends_at_ms,
    g.found_at_ms,
    g.filled_at_ms
FROM gaps AS g
INNER JOIN users AS u ON g.user_key = u.user_key
/* user_ids: WHERE u.user_id = ANY(:user_ids) */
ORDER BY g.starts_at_ms DESC, u.user_id;

-- name: heard_tracks
-- The tracks that were played, by person and local day.
SELECT l.track_key FROM _listen_times AS l
INNER JOIN users AS u ON l.user_key = u.user_key
WHERE
    /* user_ids: u.user_id = ANY(:user_ids) AND */
    /* first_day: l.local_day >= :first_day AND */
    /* last_day: l.local_day <= :last_day AND */
    TRUE;

-- name: newest_listens_by_year
-- A person's newest listens by year of release, feature source and the reason why they have no mood.
SELECT
    coalesce(CAST(m.release_year AS TEXT), 'unknown') AS release_year,
    coalesce(s.source, 'none') AS feature_source,
    CASE WHEN p.track_key IS NULL THEN m.unlabelled_reason ELSE p.unlabelled_reason END AS unlabelled_reason,
    CAST(sum(n.listens) AS BIGINT) AS listens,
    CAST(sum(CASE WHEN m.release_year_source = 'isrc' THEN n.listens ELSE 0 END) AS BIGINT) AS dated_by_isrc
FROM (
    SELECT
        newest.user_key,
        newest.track_key,
        count(*) AS listens
    FROM (
        SELECT
            l.user_key,
            l.track_key
        FROM listens AS l
        WHERE l.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user)
        ORDER BY l.played_at_ms DESC
        LIMIT :newest
    ) AS newest
    GROUP BY newest.user_key, newest.track_key
) AS n
INNER JOIN _track_moods AS m ON n.track_key = m.track_key
LEFT JOIN _person_moods AS p ON n.user_key = p.user_key AND n.track_key = p.track_key
LEFT JOIN audio_features AS f ON n.track_key = f.track_key
LEFT JOIN sources AS s ON f.source_key = s.source_key
GROUP BY
    coalesce(CAST(m.release_year AS TEXT), 'unknown'),
    coalesce(s.source, 'none'),
    CASE WHEN p.track_key IS NULL THEN m.unlabelled_reason ELSE p.unlabelled_reason END;

-- name: day_counts
-- Listens by person, local day in days since 1970-01-01, and mood.
SELECT
    u.user_id,
    u.display_name,
    m.day AS period,
    m.calm,
    m.energetic,
    m.happy,
    m.sad,
    m.unlabelled
FROM _mood_days AS m
INNER JOIN users AS u ON m.user_key = u.user_key
WHERE
    TRUE
    /* user_ids: AND u.user_id = ANY(:user_ids) */
    /* first: AND m.day >= :first */
    /* last: AND m.day <= :last */;

-- name: mood_counts
-- Listens by person, longer period and mood, from the kept counts of days. A week is its Monday in days since
-- 1970-01-01, a month or a year is the date of its first day, a weekday is 1 (Monday) to 7, and the period of a person
-- is all time.
SELECT
    u.user_id,
    u.display_name,
    /* week: m.day - (m.day + 3) % 7 AS period, */
    /* month: CAST(date_trunc('month', DATE '1970-01-01' + m.day) AS DATE) AS period, */
    /* year: CAST(date_trunc('year', DATE '1970-01-01' + m.day) AS DATE) AS period, */
    /* weekday: (m.day + 3) % 7 + 1 AS period, */
    /* person: '' AS period, */
    CAST(sum(m.calm) AS BIGINT) AS calm,
    CAST(sum(m.energetic) AS BIGINT) AS energetic,
    CAST(sum(m.happy) AS BIGINT) AS happy,
    CAST(sum(m.sad) AS BIGINT) AS sad,
    CAST(sum(m.unlabelled) AS BIGINT) AS unlabelled
FROM _mood_days AS m
INNER JOIN users AS u ON m.user_key = u.user_key
WHERE
    TRUE
    /* user_ids: AND u.user_id = ANY(:user_ids) */
    /* first: AND m.day >= :first */
    /* last: AND m.day <= :last */
GROUP BY u.user_key, period; -- noqa: RF02

-- name: days_with_listens
-- The number of days on which one of the people has listens.
SELECT count(DISTINCT m.day) FROM _mood_days AS m
INNER JOIN users AS u ON m.user_key = u.user_key
WHERE
    /* user_ids: u.user_id = ANY(:user_ids) AND */
    /* first: m.day >= :first AND */
    /* last: m.day <= :last AND */
    TRUE;

-- name: hourly_counts
-- Listens by person, hour of the day and mood, from the kept counts.
SELECT
    user_id,
    display_name,
    hour,
    mood,
    listens
FROM mood_by_hour
WHERE
    /* user_id: user_id = :user_id AND */
    TRUE;

-- name: hourly_counts_of_days
-- Listens by person, hour of the day and mood; the listens of the days are read. :since and :before are times that
-- include the days in every time zone.
SELECT
    user_id,
    display_name,
    local_hour AS hour,
    coalesce(mood, 'Unlabelled') AS mood,
    count(*) AS listens
FROM mood_history
WHERE
    TRUE
    /* user_ids: AND user_id = ANY(:user_ids) */
    /* since: AND played_at_ms >= :since */
    /* before: AND played_at_ms < :before */
    /* first_day: AND local_day >= :first_day */
    /* last_day: AND local_day <= :last_day */
GROUP BY user_id, display_name, local_hour, coalesce(mood, 'Unlabelled')
ORDER BY user_id, local_hour, mood;

-- name: time_of_newest
-- A time since which there are at least :limit listens before a time: the latest time of a person's :limit-th newest.
-- NULL if no person has so many.
SELECT max(played_at_ms) FROM (
    SELECT
        (
            SELECT l.played_at_ms FROM listens AS l
            WHERE
                l.user_key = u.user_key
                /* before: AND l.played_at_ms < :before */
            ORDER BY l.played_at_ms DESC
            LIMIT 1 OFFSET :limit - 1
        ) AS played_at_ms
    FROM users AS u
    WHERE
        TRUE
        /* user_ids: AND u.user_id = ANY(:user_ids) */
) AS newest;

-- name: latest_listens
-- The newest listens with all columns of the view. :since and :before are as in hourly_counts_of_days.
SELECT * FROM mood_history -- noqa: AM04
WHERE
    TRUE
    /* user_ids: AND user_id = ANY(:user_ids) */
    /* since: AND played_at_ms >= :since */
    /* before: AND played_at_ms < :before */
    /* first_day: AND local_day >= :first_day */
    /* last_day: AND local_day <= :last_day */
ORDER BY played_at_ms DESC
LIMIT :limit;
