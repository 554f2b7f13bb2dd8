-- Calls to external services: counts, budgets and rate limits.

-- name: count_call
-- Count a call in its minute.
INSERT INTO _api_calls (endpoint, minute_ms, calls) VALUES (:endpoint, :minute, 1)
ON CONFLICT (endpoint, minute_ms) DO UPDATE SET calls = _api_calls.calls + 1;

-- name: count_failure
-- Count a call as failed; there are never more failures than calls.
INSERT INTO _api_calls (endpoint, minute_ms, calls, failures) VALUES (:endpoint, :minute, 1, 1)
ON CONFLICT (endpoint, minute_ms) DO UPDATE SET
    failures = CASE
        WHEN _api_calls.failures < _api_calls.calls THEN _api_calls.failures + 1
        ELSE _api_calls.failures
    END;

-- name: keep_retry_after
-- Store a Retry-After. The later of two counts, unless it was stored by a clock that was ahead.
INSERT INTO _rate_limits (endpoint, not_before_ms, reason, asked_at_ms) VALUES (:endpoint, :until, :reason, :asked_at)
ON CONFLICT (endpoint) DO UPDATE SET
    not_before_ms = excluded.not_before_ms,
    reason = excluded.reason,
    asked_at_ms = excluded.asked_at_ms
WHERE
_rate_limits.not_before_ms NOT BETWEEN excluded.not_before_ms AND :farthest
OR _rate_limits.asked_at_ms > :latest;

-- name: calls_of_endpoint
-- The calls to an endpoint between two times, and their first minute.
SELECT
    coalesce(sum(calls), 0) AS calls,
    min(minute_ms) AS oldest_ms
FROM _api_calls
WHERE endpoint = :endpoint AND minute_ms > :since AND minute_ms <= :until;

-- name: calls_by_endpoint
-- The calls and the failed calls to every endpoint between two times.
SELECT
    endpoint,
    CAST(sum(calls) AS BIGINT) AS calls,
    CAST(sum(failures) AS BIGINT) AS failures
FROM _api_calls
WHERE minute_ms > :since AND minute_ms <= :until
GROUP BY endpoint
ORDER BY endpoint;

-- name: lock_endpoint
-- PostgreSQL only: only one transaction at a time counts the calls to an endpoint. It does not wait for the disk: a
-- power cut can lose the last counts.
SELECT
    set_config('synchronous_commit', 'off', TRUE) AS durability,
    pg_advisory_xact_lock(hashtext('api_calls/' || :endpoint)) AS locked;

-- name: rate_limits
-- Every Retry-After that has not expired, without the row of the short waits.
SELECT
    endpoint,
    not_before_ms
FROM _rate_limits
WHERE not_before_ms > :now AND asked_at_ms <= :latest AND endpoint <> :paced
ORDER BY endpoint;

-- name: rate_limits_of_endpoint
-- The Retry-After of an endpoint, and the row of the short waits.
SELECT
    endpoint,
    not_before_ms,
    asked_at_ms
FROM _rate_limits
WHERE endpoint IN (:endpoint, :paced);

-- name: take_from_rate_budget
-- Add one call to a service's rate budget. A time later than :latest was stored by a wrong clock.
INSERT INTO _rate_budgets (service, paid_until_us) VALUES (:service, :now + :step)
ON CONFLICT (service) DO UPDATE
    SET
        paid_until_us
        = CASE WHEN _rate_budgets.paid_until_us BETWEEN :now AND :latest THEN _rate_budgets.paid_until_us ELSE :now END
        + :step
RETURNING paid_until_us;
