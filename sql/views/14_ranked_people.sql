-- The people whose ranks are kept in the tables counted_top_* and counted_years: they have no listen since.
CREATE VIEW ranked_people AS
SELECT
    u.user_key,
    u.user_id,
    u.display_name
FROM users AS u
INNER JOIN counted_people AS c ON u.user_key = c.user_key
WHERE (SELECT max(x.played_at_ms) FROM listens AS x WHERE x.user_key = c.user_key) < c.ranked_until_ms
