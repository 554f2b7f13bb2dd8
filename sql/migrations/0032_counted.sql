-- Counts of a person's listens before a time, which views add to those since. They answer questions about a whole
-- history without reading it. The person's rows are deleted in the transaction that changes an earlier listen, its
-- label or the time zone; the end of a run or an import counts again.

-- Up to when a person's listens are counted: those with played_at_ms < until_ms.
CREATE TABLE counted_people (
    user_key INTEGER PRIMARY KEY REFERENCES users (user_key) ON DELETE CASCADE,
    until_ms BIGINT NOT NULL
);

-- Listens by hour of the day, in the person's local time.
CREATE TABLE counted_hours (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    hour INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
    calm BIGINT NOT NULL,
    energetic BIGINT NOT NULL,
    happy BIGINT NOT NULL,
    sad BIGINT NOT NULL,
    unlabelled BIGINT NOT NULL,
    PRIMARY KEY (user_key, hour)
);

-- How often a listen of one mood was followed by one of another, or the same, within half an hour.
CREATE TABLE counted_transitions (
    user_key INTEGER NOT NULL REFERENCES users (user_key) ON DELETE CASCADE,
    from_mood TEXT NOT NULL,
    to_mood TEXT NOT NULL,
    transitions BIGINT NOT NULL,
    PRIMARY KEY (user_key, from_mood, to_mood)
);
