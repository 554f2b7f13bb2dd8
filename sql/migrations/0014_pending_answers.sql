-- What feature sources answered and no batch file holds yet: one file takes many answers. `arrow` holds the rows of the
-- dataset as an Arrow stream in base64. Rows leave when the file with them is loaded; a run that was killed leaves its
-- rows to the next one, so that nothing is asked twice. `created_at_ms` is the date of the batch that is being made of
-- the rows: made again after a kill, it is the same batch.
CREATE TABLE pending_answers (
    answer_id TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    row_count INTEGER NOT NULL CHECK (row_count > 0),
    arrow TEXT NOT NULL,
    created_at_ms BIGINT
);
