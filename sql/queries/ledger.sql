-- The ledger of batches: which files of the lake are in SQL.

-- name: enter_batch
-- Add a batch; returns nothing if the ledger has it. On PostgreSQL a second loader waits here for the first one.
INSERT INTO _batches (
    batch_id, dataset, path, sha256, row_count, byte_count, schema_version, created_at_ms, loaded_at_ms
)
VALUES (
    :batch_id, :dataset, :path, :sha256, :row_count, :byte_count, :schema_version, :created_at_ms, :loaded_at_ms
)
ON CONFLICT (batch_id) DO NOTHING
RETURNING batch_id;

-- name: remove_batches
-- Remove batches from the ledger.
DELETE FROM _batches
WHERE batch_id = ANY(:ids);

-- name: batches
-- Every batch, ordered by path.
SELECT
    batch_id,
    dataset,
    path,
    sha256,
    row_count,
    byte_count
FROM _batches
ORDER BY path;

-- name: known_batches
-- The batches of a list that are in the ledger.
SELECT batch_id FROM _batches
WHERE batch_id = ANY(:ids);

-- name: newest_batch
-- When the newest batch was created.
SELECT max(created_at_ms) FROM _batches;

-- name: paths_loaded_since
-- The files of a dataset that were loaded at a time or later, in the order of loading.
SELECT path FROM _batches
WHERE dataset = :dataset AND loaded_at_ms >= :since
ORDER BY loaded_at_ms, batch_id;

-- name: batch_counts
-- By dataset: the number of batches, rows and bytes.
SELECT
    dataset,
    count(*) AS batches,
    CAST(sum(row_count) AS BIGINT) AS rows,
    CAST(sum(byte_count) AS BIGINT) AS bytes
FROM _batches
GROUP BY dataset
ORDER BY dataset;

-- name: lock_batches
-- PostgreSQL only: block every loader and every pull while the tables are emptied and filled again.
LOCK TABLE _batches, _accounts IN EXCLUSIVE MODE;
