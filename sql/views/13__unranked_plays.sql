-- Listens by track of the people whose ranks are not kept: the counted ones, then those since, by key.
CREATE VIEW _unranked_plays AS
SELECT
    u.user_key,
    u.user_id,
    u.display_name,
    k.track_key,
    k.listens
FROM users AS u
INNER JOIN _counted_people AS c ON u.user_key = c.user_key
INNER JOIN _counted_tracks AS k ON u.user_key = k.user_key
WHERE (SELECT max(x.played_at_ms) FROM listens AS x WHERE x.user_key = u.user_key) >= c.ranked_until_ms
UNION ALL
SELECT
    r.user_key,
    r.user_id,
    r.display_name,
    r.track_key,
    count(*) AS listens
FROM _recent_plays AS r
WHERE (SELECT max(x.played_at_ms) FROM listens AS x WHERE x.user_key = r.user_key) >= r.ranked_until_ms
GROUP BY r.user_key, r.user_id, r.display_name, r.track_key
