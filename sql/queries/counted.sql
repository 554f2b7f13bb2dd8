-- The counts of listens before a time that the views add to: the tables _counted_*.

-- name: people_to_count
-- The people with much history that is not counted yet: since when, and until when to count. :step is the least length
-- of a history [ms], :recent how much of its end stays uncounted, because late listens and new labels change it.
-- Nothing is counted before the first labels.
SELECT
    t.user_key,
    u.timezone,
    coalesce(c.until_ms, 0) AS since_ms,
    coalesce(c.sessions_until_ms, 0) AS sessions_since_ms,
    t.last_played_at_ms - :recent AS until_ms
FROM (
    SELECT
        user_key,
        min(first_played_at_ms) AS first_played_at_ms,
        max(last_played_at_ms) AS last_played_at_ms
    FROM _listen_totals
    WHERE TRUE /* ids: AND user_key = ANY(:ids) */
    GROUP BY user_key
) AS t
INNER JOIN users AS u ON t.user_key = u.user_key
LEFT JOIN _counted_people AS c ON t.user_key = c.user_key
WHERE
    t.last_played_at_ms - :recent >= coalesce(c.until_ms, t.first_played_at_ms) + :step
    AND (SELECT count(*) FROM models AS m WHERE m.is_current = 1) > 0
ORDER BY t.user_key;

-- name: listens_to_count
-- A person's listens, or those between two times, in the order of time, each column joined by commas; whether they were
-- skipped, -1 if it is not known.
SELECT
    string_agg(CAST(l.played_at_ms AS TEXT), ',') AS played_at_ms,
    string_agg(CAST(l.track_key AS TEXT), ',') AS track_key,
    string_agg(CAST(coalesce(l.skipped, -1) AS TEXT), ',') AS skipped
FROM (
    SELECT
        played_at_ms,
        track_key,
        skipped
    FROM listens
    WHERE user_key = :user /* span: AND played_at_ms >= :since AND played_at_ms < :until */
    ORDER BY played_at_ms, track_key
) AS l;

-- name: features_to_count
-- The audio features of some tracks.
SELECT
    track_key,
    acousticness,
    danceability,
    energy,
    instrumentalness,
    liveness,
    loudness,
    speechiness,
    tempo,
    valence
FROM audio_features
WHERE track_key = ANY(:ids);

-- name: earliest_pending
-- Each person's earliest listen of some tracks without a label.
SELECT
    user_key,
    min(played_at_ms) AS played_at_ms
FROM _waiting_listens
WHERE track_key = ANY(:ids)
GROUP BY user_key;

-- name: counted_until
-- Until when the listens of some people are counted, and until when their ranks hold.
SELECT
    user_key,
    until_ms,
    ranked_until_ms
FROM _counted_people
WHERE user_key = ANY(:ids);

-- name: delete_counted
-- Delete some people's rows from one of the tables.
DELETE FROM any_table
WHERE user_key = ANY(:ids);

-- name: count_person
-- Move the time until which a person's listens are counted.
INSERT INTO _counted_people (user_key, until_ms, sessions_until_ms)
VALUES (:user, :until, :sessions_until)
ON CONFLICT (user_key) DO UPDATE SET
    until_ms = excluded.until_ms,
    sessions_until_ms = excluded.sessions_until_ms;

-- name: add_to_counted_hours
-- Add listens by hour of the day.
INSERT INTO _counted_hours (user_key, hour, calm, energetic, happy, sad, unlabelled)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, hour) DO UPDATE SET
    calm = _counted_hours.calm + excluded.calm,
    energetic = _counted_hours.energetic + excluded.energetic,
    happy = _counted_hours.happy + excluded.happy,
    sad = _counted_hours.sad + excluded.sad,
    unlabelled = _counted_hours.unlabelled + excluded.unlabelled;

-- name: add_to_counted_transitions
-- Add transitions between moods.
INSERT INTO _counted_transitions (user_key, from_mood, to_mood, transitions)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, from_mood, to_mood) DO UPDATE SET
    transitions = _counted_transitions.transitions + excluded.transitions;

-- name: add_to_counted_tracks
-- Add listens by track.
INSERT INTO _counted_tracks (user_key, track_key, listens)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, track_key) DO UPDATE SET listens = _counted_tracks.listens + excluded.listens;

-- name: add_counted_sessions
-- Add sessions that have ended.
INSERT INTO _counted_sessions (user_key, started_at_ms, ended_at_ms, listens, offset_s)
SELECT * FROM staging; -- noqa: AM04

-- name: add_to_counted_places
-- Add listens by place in the session.
INSERT INTO _counted_places (user_key, place, calm, energetic, happy, sad, unlabelled)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, place) DO UPDATE SET
    calm = _counted_places.calm + excluded.calm,
    energetic = _counted_places.energetic + excluded.energetic,
    happy = _counted_places.happy + excluded.happy,
    sad = _counted_places.sad + excluded.sad,
    unlabelled = _counted_places.unlabelled + excluded.unlabelled;

-- name: add_to_counted_skips
-- Add listens of which it is known whether they were skipped.
INSERT INTO _counted_skips (user_key, mood, listens, skipped)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, mood) DO UPDATE SET
    listens = _counted_skips.listens + excluded.listens,
    skipped = _counted_skips.skipped + excluded.skipped;

-- name: add_to_counted_sounds
-- Add sums of audio features by hour of the day.
INSERT INTO _counted_sounds (
    user_key, hour, listens, acousticness, danceability, energy, instrumentalness, liveness, loudness, speechiness,
    tempo, valence
)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, hour) DO UPDATE SET
    listens = _counted_sounds.listens + excluded.listens,
    acousticness = _counted_sounds.acousticness + excluded.acousticness,
    danceability = _counted_sounds.danceability + excluded.danceability,
    energy = _counted_sounds.energy + excluded.energy,
    instrumentalness = _counted_sounds.instrumentalness + excluded.instrumentalness,
    liveness = _counted_sounds.liveness + excluded.liveness,
    loudness = _counted_sounds.loudness + excluded.loudness,
    speechiness = _counted_sounds.speechiness + excluded.speechiness,
    tempo = _counted_sounds.tempo + excluded.tempo,
    valence = _counted_sounds.valence + excluded.valence;

-- name: people_to_rank
-- The people who are counted and have a listen since their ranks were made.
SELECT c.user_key FROM _counted_people AS c
WHERE (SELECT max(l.played_at_ms) FROM listens AS l WHERE l.user_key = c.user_key) >= c.ranked_until_ms
ORDER BY c.user_key;

-- name: plays_to_rank
-- Some people's listens by track: the counted ones, then those since.
SELECT
    user_key,
    track_key,
    listens
FROM _counted_tracks
WHERE user_key = ANY(:ids)
UNION ALL
SELECT
    c.user_key,
    l.track_key,
    count(*) AS listens
FROM _counted_people AS c
INNER JOIN listens AS l ON c.user_key = l.user_key AND l.played_at_ms >= c.until_ms
WHERE c.user_key = ANY(:ids)
GROUP BY c.user_key, l.track_key;

-- name: tracks_to_rank
-- The ids and years of release of some tracks.
SELECT
    track_key,
    track_id,
    release_year
FROM _dated_tracks
WHERE track_key = ANY(:ids);

-- name: credits_to_rank
-- The artists of some tracks.
SELECT
    track_key,
    artist
FROM artist_credits
WHERE track_key = ANY(:ids);

-- name: rank_tracks
-- Write the most played tracks.
INSERT INTO _counted_top_tracks (user_key, mood, place, listens, track_key)
SELECT * FROM staging; -- noqa: AM04

-- name: rank_artists
-- Write the most played artists.
INSERT INTO _counted_top_artists (user_key, mood, place, listens, artist)
SELECT * FROM staging; -- noqa: AM04

-- name: count_years
-- Write the listens by year of release.
INSERT INTO _counted_years (user_key, release_year, calm, energetic, happy, sad, unlabelled)
SELECT * FROM staging; -- noqa: AM04

-- name: count_unlabelled
-- Write the listens of tracks without a mood.
INSERT INTO _counted_unlabelled (user_key, track_key, listens)
SELECT * FROM staging; -- noqa: AM04

-- name: ranks_hold
-- Let the ranks of some people hold until a later listen.
UPDATE _counted_people SET
    ranked_until_ms = (SELECT max(l.played_at_ms) + 1 FROM listens AS l WHERE l.user_key = _counted_people.user_key)
WHERE user_key = ANY(:ids);

-- name: forget_ranks
-- Make the ranks of some people again at the end of the run.
UPDATE _counted_people SET ranked_until_ms = 0
WHERE user_key = ANY(:ids);

-- name: ranks_do_not_hold
-- Make the ranks of people with listens of some tracks again at the end of the run.
UPDATE _counted_people SET ranked_until_ms = 0
WHERE
    user_key IN (SELECT k.user_key FROM _counted_tracks AS k WHERE k.track_key = ANY(:ids))
    OR user_key IN (
        SELECT l.user_key FROM _counted_people AS c
        INNER JOIN listens AS l ON c.user_key = l.user_key AND l.played_at_ms >= c.until_ms
        WHERE l.track_key = ANY(:ids)
    );

-- name: release_years
-- The years of release of some tracks.
SELECT
    track_id,
    release_year
FROM _dated_tracks
WHERE track_id = ANY(:ids);

-- name: stored_credits
-- The artists of some tracks, in their order.
SELECT
    track_key,
    artist
FROM artist_credits
WHERE track_key = ANY(:ids)
ORDER BY track_key, place;
