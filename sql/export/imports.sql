-- The exports that were imported for the person.
SELECT
    u.user_id,
    f.digest,
    f.options,
    f.rows_read,
    f.outcomes,
    f.imported_at_ms
FROM _imported_files AS f
INNER JOIN users AS u ON u.user_key = f.user_key
WHERE u.user_id = :id
ORDER BY f.imported_at_ms, f.digest;
