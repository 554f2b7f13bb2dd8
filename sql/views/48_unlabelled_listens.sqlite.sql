-- Every listen without a mood, and the reason why.
CREATE VIEW unlabelled_listens AS
SELECT
    n.user_id,
    n.display_name,
    l.played_at,
    n.played_at_ms,
    l.local_day,
    t.track_id,
    t.track,
    t.artists,
    CASE WHEN n.is_answered = 1 THEN 'none of these moods' ELSE t.unlabelled_reason END AS unlabelled_reason
FROM (
    -- By the keys alone, before anything else is looked up for the many listens that have a mood.
    SELECT
        u.user_id,
        u.display_name,
        h.user_key,
        h.track_key,
        h.played_at_ms,
        CASE WHEN p.track_key IS NULL THEN 0 ELSE 1 END AS is_answered
    FROM users AS u
    INNER JOIN listens AS h ON u.user_key = h.user_key
    LEFT JOIN person_labels AS p ON h.user_key = p.user_key AND h.track_key = p.track_key
    WHERE
        p.mood IS NULL AND (
            p.track_key IS NOT NULL
            OR NOT EXISTS (
                SELECT 1 FROM _current_moods AS m WHERE m.track_key = h.track_key
            )
        )
) AS n
INNER JOIN _listen_times AS l
    ON n.user_key = l.user_key AND n.played_at_ms = l.played_at_ms AND n.track_key = l.track_key
INNER JOIN _track_moods AS t ON n.track_key = t.track_key
