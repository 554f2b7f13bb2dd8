-- Spark SQL: the people who were forgotten, and before which batch their rows do not count; NULL for all batches.
WITH stones AS (
    SELECT
        f.person_hash,
        f.hash_key,
        max(f.forgotten_at) AS forgotten_at,
        max(f.lifted_at) AS lifted_at
    FROM forgotten AS f
    GROUP BY f.person_hash, f.hash_key
),

keys AS (SELECT DISTINCT hash_key FROM stones),

ids AS (
    SELECT user_id FROM users
    UNION
    SELECT user_id FROM listens
),

-- Empty, and nothing is hashed, if no person was forgotten.
hashed AS (
    SELECT
        i.user_id,
        k.hash_key,
        person_hash(i.user_id, k.hash_key) AS person_hash
    FROM ids AS i
    CROSS JOIN keys AS k
)

SELECT
    h.user_id,
    CASE WHEN s.lifted_at > s.forgotten_at THEN date_format(s.lifted_at, "yyyyMMdd'T'HHmmssSSS") END AS before_batch
FROM hashed AS h
INNER JOIN stones AS s ON h.person_hash = s.person_hash AND h.hash_key = s.hash_key;
