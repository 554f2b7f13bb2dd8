-- Where this database was moved ('to'), so that nobody goes on with it, or what is still being moved into it ('from').
CREATE TABLE database_moves (
    direction TEXT PRIMARY KEY CHECK (direction IN ('from', 'to')),
    other TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
