-- Steps of the nightly run that look at what is new alone, and until when they have seen all there was.
CREATE TABLE done_until (
    step TEXT PRIMARY KEY,
    until_ms BIGINT NOT NULL
);
