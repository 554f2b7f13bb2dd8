-- The counts of listens before a time that the views add to: the tables counted_*.

-- name: people_to_count
-- The people with much history that is not counted yet: since when, and until when to count. :step is the least length
-- of a history [ms], :recent how much of its end stays uncounted, because late listens and new labels change it.
-- Nothing is counted before the first labels.
SELECT
    t.user_key,
    u.timezone,
    coalesce(c.until_ms, 0) AS since_ms,
    t.last_played_at_ms - :recent AS until_ms
FROM (
    SELECT
        user_key,
        min(first_played_at_ms) AS first_played_at_ms,
        max(last_played_at_ms) AS last_played_at_ms
    FROM listen_totals
    GROUP BY user_key
) AS t
INNER JOIN users AS u ON t.user_key = u.user_key
LEFT JOIN counted_people AS c ON t.user_key = c.user_key
WHERE
    t.last_played_at_ms - :recent >= coalesce(c.until_ms, t.first_played_at_ms) + :step
    AND (SELECT count(*) FROM models AS m WHERE m.is_current = 1) > 0
ORDER BY t.user_key;

-- name: listens_to_count
-- A person's listens between two times, in the order of time.
SELECT
    played_at_ms,
    track_key
FROM listens
WHERE user_key = :user AND played_at_ms >= :since AND played_at_ms < :until
ORDER BY played_at_ms;

-- name: counted_until
-- Until when the listens of some people are counted.
SELECT
    user_key,
    until_ms
FROM counted_people
WHERE user_key = ANY(:ids);

-- name: delete_counted
-- Delete some people's rows from one of the tables.
DELETE FROM any_table
WHERE user_key = ANY(:ids);

-- name: count_person
-- Move the time until which a person's listens are counted.
INSERT INTO counted_people (user_key, until_ms)
VALUES (:user, :until)
ON CONFLICT (user_key) DO UPDATE SET until_ms = excluded.until_ms;

-- name: add_to_counted_hours
-- Add listens by hour of the day.
INSERT INTO counted_hours (user_key, hour, calm, energetic, happy, sad, unlabelled)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, hour) DO UPDATE SET
    calm = counted_hours.calm + excluded.calm,
    energetic = counted_hours.energetic + excluded.energetic,
    happy = counted_hours.happy + excluded.happy,
    sad = counted_hours.sad + excluded.sad,
    unlabelled = counted_hours.unlabelled + excluded.unlabelled;

-- name: add_to_counted_transitions
-- Add transitions between moods.
INSERT INTO counted_transitions (user_key, from_mood, to_mood, transitions)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, from_mood, to_mood) DO UPDATE SET
    transitions = counted_transitions.transitions + excluded.transitions;

-- name: add_to_counted_tracks
-- Add listens by track.
INSERT INTO counted_tracks (user_key, track_key, listens)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, track_key) DO UPDATE SET listens = counted_tracks.listens + excluded.listens;
