-- The fencing number of each exclusive lock, raised at each acquisition: a process that lost the lock cannot commit.
CREATE TABLE fences (
    name TEXT PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO fences (name, number)
VALUES ('upkeep', 0), ('labels', 0);

-- The fencing number of an account's lease, raised whenever another run takes the account.
ALTER TABLE accounts ADD COLUMN lease_number BIGINT NOT NULL DEFAULT 0;

-- Tombstones: who was forgotten, by a keyed hash of the person's id. In the lake as well. Rows of theirs are loaded
-- only from batches made since lifted_at_ms, which is later than forgotten_at_ms after a new consent.
CREATE TABLE forgotten (
    person_hash TEXT PRIMARY KEY,
    hash_key TEXT NOT NULL,
    forgotten_at_ms BIGINT NOT NULL,
    lifted_at_ms BIGINT
);
