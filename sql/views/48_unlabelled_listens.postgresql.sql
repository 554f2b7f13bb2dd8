-- Every listen without a mood, and the reason why.
CREATE VIEW unlabelled_listens AS
SELECT
    u.user_id,
    u.display_name,
    l.played_at,
    l.played_at_ms,
    l.local_day,
    t.track_id,
    t.name AS track,
    t.artists,
    -- One value for each listen that is shown: a join with _track_moods would read all tracks before the first row.
    CASE
        WHEN p.track_key IS NOT NULL THEN 'none of these moods'
        ELSE (SELECT x.unlabelled_reason FROM _track_moods AS x WHERE x.track_key = l.track_key)
    END AS unlabelled_reason
FROM _listen_times AS l
INNER JOIN users AS u ON l.user_key = u.user_key
INNER JOIN tracks AS t ON l.track_key = t.track_key
LEFT JOIN person_labels AS p ON l.user_key = p.user_key AND l.track_key = p.track_key
WHERE
    p.mood IS NULL AND (
        p.track_key IS NOT NULL
        OR NOT EXISTS (
            SELECT 1 FROM _current_moods AS m WHERE m.track_key = l.track_key
        )
    )
