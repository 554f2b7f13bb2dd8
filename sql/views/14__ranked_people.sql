-- The people whose ranks are kept in the tables _counted_top_* and _counted_years: they have no listen since.
CREATE VIEW _ranked_people AS
SELECT
    u.user_key,
    u.user_id,
    u.display_name
FROM users AS u
INNER JOIN _counted_people AS c ON u.user_key = c.user_key
WHERE (SELECT max(x.played_at_ms) FROM listens AS x WHERE x.user_key = c.user_key) < c.ranked_until_ms
