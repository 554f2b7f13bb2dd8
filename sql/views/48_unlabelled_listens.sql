-- Every listen without a mood, and the reason why.
CREATE VIEW unlabelled_listens AS
SELECT
    u.user_id,
    u.display_name,
    l.played_at,
    l.played_at_ms,
    l.local_day,
    t.track_id,
    t.track,
    t.artists,
    coalesce(p.unlabelled_reason, t.unlabelled_reason) AS unlabelled_reason
FROM listen_times AS l
INNER JOIN users AS u ON l.user_key = u.user_key
INNER JOIN track_moods AS t ON l.track_key = t.track_key
LEFT JOIN person_moods AS p ON l.user_key = p.user_key AND l.track_key = p.track_key
-- By the keys alone, before anything else is looked up for the many listens that have a mood.
WHERE p.mood IS NULL AND (
    p.track_key IS NOT NULL
    OR NOT EXISTS (
        SELECT 1 FROM moods AS m
        WHERE m.model_key IN (
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 0),
            (SELECT c.model_key FROM models AS c WHERE c.is_current = 1 AND c.estimated = 1)
        ) AND m.track_key = l.track_key
    )
)
