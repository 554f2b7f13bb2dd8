-- The range of each person's history by source, from the totals; 'waiting': pending plays.
SELECT
    u.user_id,
    s.source,
    t.listens,
    t.first_played_at_ms AS first_at,
    t.last_played_at_ms AS last_at
FROM listen_totals AS t
INNER JOIN users AS u ON t.user_key = u.user_key
INNER JOIN sources AS s ON t.source_key = s.source_key
UNION ALL
SELECT
    u.user_id,
    'waiting' AS source,
    p.listens,
    p.first_at,
    p.last_at
FROM (
    SELECT
        n.user_key,
        count(*) AS listens,
        min(n.ended_at_ms) AS first_at,
        max(n.ended_at_ms) AS last_at
    FROM named_plays AS n
    WHERE n.track_key IS NULL
    GROUP BY n.user_key
) AS p
INNER JOIN users AS u ON p.user_key = u.user_key
ORDER BY user_id, source;
