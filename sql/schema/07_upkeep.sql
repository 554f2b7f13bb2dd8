CREATE TABLE _api_calls (
    -- Every call to an outside service, counted by minute: the rolling day's quota is the sum of the last 24 hours.
    endpoint TEXT NOT NULL,
    minute_ms BIGINT NOT NULL,
    calls INTEGER NOT NULL CHECK (calls > 0),
    failures INTEGER NOT NULL DEFAULT 0 CHECK (failures BETWEEN 0 AND calls),
    PRIMARY KEY (endpoint, minute_ms)
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _rate_limits (
    -- Until when an endpoint must not be called (Retry-After), and when that was received, so that a long one is
    -- distinguished from one that a wrong clock dated.
    endpoint TEXT PRIMARY KEY,
    not_before_ms BIGINT NOT NULL,
    reason TEXT NOT NULL,
    asked_at_ms BIGINT NOT NULL DEFAULT 0
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _rate_budgets (
    -- The token bucket that all workers share, by service: one time says how much of it is spent.
    service TEXT PRIMARY KEY,
    paid_until_us BIGINT NOT NULL
);

CREATE TABLE _source_availability (
    -- Feature sources that refuse this app, since when.
    source TEXT PRIMARY KEY,
    unavailable_since_ms BIGINT NOT NULL,
    reason TEXT NOT NULL
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE _done_until (
    -- Steps of the nightly run that look only at what is new, and until when they have seen everything.
    step TEXT PRIMARY KEY,
    until_ms BIGINT NOT NULL
);

CREATE TABLE _cache_versions (
    -- Processes cache keys and labels. A cache is valid while these numbers stay the same.
    name TEXT PRIMARY KEY CHECK (name IN ('keys', 'labels')),
    version BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
INSERT INTO _cache_versions (name, version) VALUES ('keys', 1), ('labels', 1);

CREATE TABLE _fences (
    -- The fencing number of each exclusive lock, raised at each acquisition: a process that lost the lock cannot
    -- commit.
    name TEXT PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO _fences (name, number) VALUES ('upkeep', 0), ('labels', 0), ('responses', 0);

CREATE TABLE _database_moves (
    -- Where this database was moved ('to'), so that it is no longer used, or what is still being moved into it
    -- ('from').
    direction TEXT PRIMARY KEY CHECK (direction IN ('from', 'to')),
    other TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE TABLE _view_columns (
    -- The meaning of the views for people and of their columns, for the view data_dictionary. Written with the views.
    view_name TEXT NOT NULL,
    place INTEGER NOT NULL,
    column_name TEXT,
    meaning TEXT NOT NULL,
    PRIMARY KEY (view_name, place)
);
