-- A night finds the batches since the last one, and moodlog status counts them, without reading the whole ledger.
CREATE INDEX batches_loaded_at ON _batches (dataset, loaded_at_ms, row_count, byte_count);
