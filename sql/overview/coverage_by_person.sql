-- feature_coverage_by_person, answered from the totals.
SELECT
    u.user_id,
    u.display_name,
    CAST(t.listens AS BIGINT) AS listens,
    CAST(coalesce(c.listens, 0) AS BIGINT) AS covered_listens,
    CAST(round(1.0 * coalesce(c.listens, 0) / t.listens, 4) AS DOUBLE PRECISION) AS listen_share
FROM users AS u
INNER JOIN (
    SELECT
        x.user_key,
        sum(x.listens) AS listens
    FROM listen_totals AS x
    GROUP BY x.user_key
) AS t ON u.user_key = t.user_key
LEFT JOIN (
    SELECT
        x.user_key,
        sum(x.listens) AS listens
    FROM covered_listens AS x
    GROUP BY x.user_key
) AS c ON u.user_key = c.user_key
ORDER BY u.display_name, u.user_id;
