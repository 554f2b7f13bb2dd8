-- The latest times count, in whatever order the rows come.
INSERT INTO forgotten (person_hash, hash_key, forgotten_at_ms, lifted_at_ms)
/* rows */
ON CONFLICT (person_hash) DO UPDATE SET
    forgotten_at_ms = CASE
        WHEN excluded.forgotten_at_ms > forgotten.forgotten_at_ms
            THEN excluded.forgotten_at_ms
        ELSE forgotten.forgotten_at_ms
    END,
    lifted_at_ms = CASE
        WHEN forgotten.lifted_at_ms IS NULL OR excluded.lifted_at_ms > forgotten.lifted_at_ms
            THEN excluded.lifted_at_ms
        ELSE forgotten.lifted_at_ms
    END
