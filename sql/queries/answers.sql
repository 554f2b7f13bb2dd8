-- Answers of people about the moods of tracks, and the labels that follow from them.

-- name: load_mood_answers
-- A stored answer never changes.
INSERT INTO mood_answers (user_key, track_key, answered_at_ms, answer, asked_because, shown_model)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, track_key, answered_at_ms, answer) DO NOTHING;

-- name: remove_person_labels
-- Remove the labels of all people, or of a person's tracks, before they are found again.
DELETE FROM person_labels
WHERE
    /* tracks: user_key = :user AND track_key = ANY(:ids) AND */
    TRUE;

-- name: add_answered_labels
-- The labels from the latest answers of all people, or about a person's tracks. An answer that was undone gives none.
INSERT INTO person_labels (
    user_key, track_key, label_source, mood, p_calm, p_energetic, p_happy, p_sad, uncertain, out_of_distribution,
    mood_set, labelled_at_ms
)
SELECT
    a.user_key,
    a.track_key,
    'person' AS label_source,
    v.mood,
    v.p_calm,
    v.p_energetic,
    v.p_happy,
    v.p_sad,
    0 AS uncertain,
    0 AS out_of_distribution,
    v.mood_set,
    a.answered_at_ms
FROM mood_answers AS a
INNER JOIN _answer_labels AS v ON a.answer = v.answer
WHERE
    /* tracks: a.user_key = :user AND a.track_key = ANY(:ids) AND */
    NOT EXISTS (
        SELECT 1 FROM mood_answers AS n
        WHERE
            n.user_key = a.user_key
            AND n.track_key = a.track_key
            AND (
                n.answered_at_ms > a.answered_at_ms
                OR (n.answered_at_ms = a.answered_at_ms AND n.answer > a.answer)
            )
    );

-- name: people_with_labels
-- Those of some people who have labels of their own.
SELECT u.user_key FROM users AS u
WHERE
    u.user_key = ANY(:ids)
    AND EXISTS (SELECT 1 FROM person_labels AS p WHERE p.user_key = u.user_key);

-- name: person_label_codes
-- The own labels of some people for some tracks as codes and probabilities in units of 1e-4, as in label_codes.
SELECT
    p.user_key,
    p.track_key,
    CASE p.mood WHEN 'Calm' THEN 0 WHEN 'Energetic' THEN 1 WHEN 'Happy' THEN 2 WHEN 'Sad' THEN 3 ELSE 8 END
    + 4 * p.uncertain AS code,
    coalesce(CAST(round(CAST(p.p_calm AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT), 0) AS calm,
    coalesce(CAST(round(CAST(p.p_energetic AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT), 0) AS energetic,
    coalesce(CAST(round(CAST(p.p_happy AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT), 0) AS happy,
    coalesce(CAST(round(CAST(p.p_sad AS DOUBLE PRECISION) * 10000 + 0.000000001) AS BIGINT), 0) AS sad
FROM person_labels AS p
WHERE p.user_key = ANY(:users) AND p.track_key = ANY(:ids);

-- name: remove_empty_transitions
-- Remove transitions of a person that no longer occur.
DELETE FROM _counted_transitions
WHERE user_key = :user AND transitions = 0;

-- name: remove_empty_skips
-- Remove moods of a person that no listen has any more of which it is known whether it was skipped.
DELETE FROM _counted_skips
WHERE user_key = :user AND listens = 0;

-- name: latest_answer
-- A person's latest answer about a track.
SELECT
    a.answer,
    a.asked_because,
    a.answered_at_ms,
    a.shown_model
FROM mood_answers AS a
INNER JOIN users AS u ON a.user_key = u.user_key
INNER JOIN tracks AS t ON a.track_key = t.track_key
WHERE u.user_id = :user AND t.track_id = :track
ORDER BY a.answered_at_ms DESC, a.answer DESC
LIMIT 1;

-- name: has_heard
-- Whether a person has a listen of a track: a counted one, or one since.
SELECT 1 FROM users AS u
INNER JOIN tracks AS t ON t.track_id = :track
LEFT JOIN _counted_people AS c ON u.user_key = c.user_key
WHERE
    u.user_id = :user
    AND (
        EXISTS (SELECT 1 FROM _counted_tracks AS k WHERE k.user_key = u.user_key AND k.track_key = t.track_key)
        OR EXISTS (
            SELECT 1 FROM listens AS l
            WHERE
                l.user_key = u.user_key
                AND l.played_at_ms >= coalesce(c.until_ms, 0)
                AND l.track_key = t.track_key
        )
    );

-- name: asked_track
-- A track with a person's number of listens: the counted ones, then those since.
SELECT
    t.track_id,
    t.name AS track,
    t.artists,
    coalesce(k.listens, 0) + (
        SELECT count(*) FROM listens AS l
        WHERE
            l.user_key = u.user_key
            AND l.played_at_ms >= coalesce(c.until_ms, 0)
            AND l.track_key = t.track_key
    ) AS listens
FROM users AS u
INNER JOIN tracks AS t ON t.track_id = :track
LEFT JOIN _counted_people AS c ON u.user_key = c.user_key
LEFT JOIN _counted_tracks AS k ON u.user_key = k.user_key AND t.track_key = k.track_key
WHERE u.user_id = :user;

-- name: shown_model
-- The model version that labels a track.
SELECT c.model_version FROM tracks AS t
INNER JOIN models AS c ON c.is_current = 1
INNER JOIN moods AS m ON c.model_key = m.model_key AND t.track_key = m.track_key
WHERE t.track_id = :track;

-- name: tracks_to_ask
-- The labelled tracks that a person heard and has not answered about, with their listens and probabilities.
SELECT
    t.track_id,
    t.name AS track,
    t.artists,
    h.listens,
    CASE WHEN p.track_key IS NULL THEN m.mood ELSE p.mood END AS mood,
    CASE WHEN p.track_key IS NULL THEN m.p_calm ELSE p.p_calm END AS p_calm,
    CASE WHEN p.track_key IS NULL THEN m.p_energetic ELSE p.p_energetic END AS p_energetic,
    CASE WHEN p.track_key IS NULL THEN m.p_happy ELSE p.p_happy END AS p_happy,
    CASE WHEN p.track_key IS NULL THEN m.p_sad ELSE p.p_sad END AS p_sad
FROM (
    SELECT
        g.user_key,
        g.track_key,
        CAST(sum(g.listens) AS BIGINT) AS listens
    FROM (
        -- The counted listens, then those since.
        SELECT
            u.user_key,
            k.track_key,
            k.listens
        FROM users AS u
        INNER JOIN _counted_tracks AS k ON u.user_key = k.user_key
        WHERE u.user_id = :user
        UNION ALL
        SELECT
            u.user_key,
            l.track_key,
            count(*) AS listens
        FROM users AS u
        LEFT JOIN _counted_people AS c ON u.user_key = c.user_key
        INNER JOIN listens AS l ON u.user_key = l.user_key AND l.played_at_ms >= coalesce(c.until_ms, 0)
        WHERE u.user_id = :user
        GROUP BY u.user_key, l.track_key
    ) AS g
    GROUP BY g.user_key, g.track_key
) AS h
INNER JOIN tracks AS t ON h.track_key = t.track_key
INNER JOIN _current_moods AS m ON h.track_key = m.track_key
LEFT JOIN person_labels AS p ON h.user_key = p.user_key AND h.track_key = p.track_key
WHERE t.name <> '' AND coalesce(p.label_source, '') <> 'person'
ORDER BY t.track_id;

-- name: count_answers
-- How many answers a person has given.
SELECT count(*) FROM mood_answers AS a
WHERE a.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);

-- name: answers_by_reason
-- Some people's answers that count, by the reason for asking about their tracks: the first that is not a correction.
SELECT
    u.user_id,
    t.asked_because,
    count(*) AS tracks
FROM (
    SELECT
        p.user_key,
        CASE
            WHEN count(CASE WHEN a.asked_because = 'random' THEN 1 END) > 0 THEN 'random'
            WHEN count(CASE WHEN a.asked_because = 'uncertain' THEN 1 END) > 0 THEN 'uncertain'
            ELSE 'volunteered'
        END AS asked_because
    FROM person_labels AS p
    INNER JOIN mood_answers AS a ON p.user_key = a.user_key AND p.track_key = a.track_key
    WHERE
        p.label_source = 'person'
        AND p.user_key IN (SELECT x.user_key FROM users AS x WHERE x.user_id = ANY(:ids))
    GROUP BY p.user_key, p.track_key
) AS t
INNER JOIN users AS u ON t.user_key = u.user_key
GROUP BY u.user_id, t.asked_because
ORDER BY u.user_id, t.asked_because;
