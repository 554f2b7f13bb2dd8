-- What feature sources answered and no batch file holds yet: one file takes many answers. `arrow` holds the rows of the
-- dataset as an Arrow stream in base64. Rows leave when the file with them is loaded; a run that was killed leaves its
-- rows to the next one, so that nothing is asked twice.
CREATE TABLE pending_answers (
    answer_id TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    row_count INTEGER NOT NULL CHECK (row_count > 0),
    arrow TEXT NOT NULL
);
