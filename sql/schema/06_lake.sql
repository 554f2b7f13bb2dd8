CREATE TABLE _batches (
    -- The ledger: a batch file with a row here is loaded; row and data were written in one transaction.
    batch_id TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    created_at_ms BIGINT NOT NULL,
    loaded_at_ms BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX batches_created_at ON _batches (created_at_ms);
CREATE INDEX batches_loaded_at ON _batches (dataset, loaded_at_ms, row_count, byte_count);

CREATE TABLE _pending_responses (
    -- Responses of feature sources that no batch file holds yet: one file takes many. `arrow` holds the rows of the
    -- dataset as an Arrow stream in base64. Rows leave when the file with them is loaded; a run that was killed leaves
    -- its rows to the next one, so that nothing is asked twice. `created_at_ms` is the date of the batch that is being
    -- made of the rows: made again after a kill, it is the same batch.
    response_id TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    row_count INTEGER NOT NULL CHECK (row_count > 0),
    arrow TEXT NOT NULL,
    created_at_ms BIGINT
);

CREATE TABLE _imported_files (
    -- Exports that were imported whole, by the digest of their bytes: a repeated import is detected from these rows.
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    options TEXT NOT NULL,
    rows_read BIGINT NOT NULL,
    outcomes TEXT NOT NULL,
    imported_at_ms BIGINT NOT NULL,
    PRIMARY KEY (user_key, digest, options)
);

CREATE TABLE _imports (
    -- Imports that can be taken back: their batches have times from first_batch_ms to before last_batch_ms, which is
    -- NULL until the import is complete. What each read and stored is NULL for imports by earlier versions and
    -- interrupted ones.
    import_id TEXT PRIMARY KEY,
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    options TEXT NOT NULL,
    first_batch_ms BIGINT NOT NULL,
    last_batch_ms BIGINT,
    rows_read BIGINT,
    outcomes TEXT
);
