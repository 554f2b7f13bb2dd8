-- Every tombstone.
SELECT
    f.person_hash,
    f.hash_key,
    f.forgotten_at_ms,
    f.lifted_at_ms
FROM forgotten AS f;
