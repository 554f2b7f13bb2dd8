-- The rows of feature_coverage_by_person, from the totals.
WITH played AS (
    SELECT
        user_key,
        sum(listens) AS listens
    FROM listen_totals
    GROUP BY user_key
),

covered AS (
    SELECT
        user_key,
        sum(listens) AS listens
    FROM covered_listens
    GROUP BY user_key
)

SELECT
    u.user_id,
    u.display_name,
    CAST(p.listens AS BIGINT) AS listens,
    CAST(coalesce(c.listens, 0) AS BIGINT) AS covered_listens,
    CAST(round(1.0 * coalesce(c.listens, 0) / p.listens, 4) AS DOUBLE PRECISION) AS listen_share
FROM users AS u
INNER JOIN played AS p ON u.user_key = p.user_key
LEFT JOIN covered AS c ON u.user_key = c.user_key
ORDER BY u.display_name, u.user_id;
