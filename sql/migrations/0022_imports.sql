-- Imports that can be taken back: their batches have times from first_batch_ms to before last_batch_ms, which is NULL
-- until the import is complete.
CREATE TABLE imports (
    import_id TEXT PRIMARY KEY,
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    options TEXT NOT NULL,
    first_batch_ms BIGINT NOT NULL,
    last_batch_ms BIGINT
);
