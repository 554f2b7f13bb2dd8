-- The token bucket that all workers share, by service: one time says how much of it is spent.
CREATE TABLE rate_budgets (
    service TEXT PRIMARY KEY,
    paid_until_us BIGINT NOT NULL
);
