-- Personal heads: what was learned from people's answers, and the labels that follow from it.

-- name: load_mood_heads
-- A stored head never changes.
INSERT INTO mood_heads (user_key, trained_at_ms, base_model, version, promoted, head, scores)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, trained_at_ms) DO NOTHING;

-- name: heads_in_use
-- The latest head of each person for the current model, if it was promoted; of all people or of some.
SELECT
    h.user_key,
    h.trained_at_ms,
    h.base_model,
    h.version,
    h.head
FROM mood_heads AS h
INNER JOIN models AS c ON h.base_model = c.model_version AND c.is_current = 1
WHERE
    /* ids: h.user_key = ANY(:ids) AND */
    h.promoted = 1
    AND h.trained_at_ms = (
        SELECT max(n.trained_at_ms) FROM mood_heads AS n
        WHERE n.user_key = h.user_key AND n.base_model = h.base_model
    )
ORDER BY h.user_key;

-- name: tracks_to_label
-- The model's labels of the tracks that a person heard, or of some tracks, without a label of the person's own.
SELECT
    m.track_key,
    m.p_calm,
    m.p_energetic,
    m.p_happy,
    m.p_sad,
    m.out_of_distribution
FROM moods AS m
WHERE
    m.model_key = (SELECT c.model_key FROM models AS c WHERE c.model_version = :model)
    /* all: AND m.track_key IN (SELECT l.track_key FROM listens AS l WHERE l.user_key = :user) */
    /* tracks: AND m.track_key = ANY(:ids) */
    AND NOT EXISTS (SELECT 1 FROM person_labels AS p WHERE p.user_key = :user AND p.track_key = m.track_key)
ORDER BY m.track_key;

-- name: add_personal_labels
-- Add labels by a personal head.
INSERT INTO person_labels (
    user_key, track_key, label_source, mood, p_calm, p_energetic, p_happy, p_sad, uncertain, out_of_distribution,
    mood_set, labelled_at_ms, model_version
)
SELECT * FROM staging -- noqa: AM04
ON CONFLICT (user_key, track_key) DO NOTHING;

-- name: pending_of_person
-- Those of some tracks that a person heard before they had a label.
SELECT DISTINCT track_key FROM _waiting_listens
WHERE user_key = :user AND track_key = ANY(:ids);

-- name: latest_heads
-- The latest head for a model of each person, or of some people.
SELECT
    u.user_id,
    h.trained_at_ms,
    h.version,
    h.promoted,
    h.scores
FROM mood_heads AS h
INNER JOIN users AS u ON h.user_key = u.user_key
WHERE
    /* ids: u.user_id = ANY(:ids) AND */
    h.base_model = :model
    AND h.trained_at_ms = (
        SELECT max(n.trained_at_ms) FROM mood_heads AS n
        WHERE n.user_key = h.user_key AND n.base_model = h.base_model
    )
ORDER BY u.user_id;

-- name: answers_to_learn
-- The latest answers of all or some people about tracks that they were asked about, with the probabilities of a model.
SELECT
    u.user_id,
    a.answer,
    a.answered_at_ms,
    q.at_random,
    m.p_calm,
    m.p_energetic,
    m.p_happy,
    m.p_sad
FROM (
    SELECT
        user_key,
        track_key,
        max(CASE WHEN asked_because = 'random' THEN 1 ELSE 0 END) AS at_random
    FROM mood_answers
    WHERE
        /* ids: user_key IN (SELECT x.user_key FROM users AS x WHERE x.user_id = ANY(:ids)) AND */
        asked_because <> 'volunteered'
    GROUP BY user_key, track_key
) AS q
INNER JOIN users AS u ON q.user_key = u.user_key
INNER JOIN mood_answers AS a ON q.user_key = a.user_key AND q.track_key = a.track_key
INNER JOIN moods AS m
    ON
        q.track_key = m.track_key
        AND m.model_key = (SELECT c.model_key FROM models AS c WHERE c.model_version = :model)
WHERE
    a.answer NOT IN ('none', 'undone')
    AND NOT EXISTS (
        SELECT 1 FROM mood_answers AS n
        WHERE
            n.user_key = a.user_key
            AND n.track_key = a.track_key
            AND (
                n.answered_at_ms > a.answered_at_ms
                OR (n.answered_at_ms = a.answered_at_ms AND n.answer > a.answer)
            )
    )
ORDER BY u.user_id, a.answered_at_ms, m.track_key;

-- name: count_heads
-- The number of heads that were trained for a person.
SELECT count(*) FROM mood_heads AS h
WHERE h.user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :user);

-- name: remove_labels_by_heads
-- Remove the labels by personal heads of some people, before they are found again.
DELETE FROM person_labels
WHERE user_key = ANY(:ids) AND label_source = 'personal';
