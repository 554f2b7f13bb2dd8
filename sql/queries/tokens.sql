-- Encrypted tokens: replaced only if no other process has replaced them meanwhile, and refreshed under a lease.

-- name: stored_token
-- An account's token, its version and its service.
SELECT
    token,
    token_version,
    service
FROM _accounts
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id) AND token IS NOT NULL;

-- name: page_of_tokens
-- Up to :most stored tokens of people after one, by key.
SELECT
    a.user_key,
    (SELECT u.user_id FROM users AS u WHERE u.user_key = a.user_key) AS user_id,
    a.token,
    a.token_version,
    a.service
FROM _accounts AS a
WHERE a.user_key > :last AND a.token IS NOT NULL
ORDER BY a.user_key
LIMIT :most;

-- name: every_token
-- The token, version and state of every account.
SELECT
    u.user_id,
    a.token,
    a.token_version,
    a.state
FROM _accounts AS a
INNER JOIN users AS u ON a.user_key = u.user_key
ORDER BY u.user_id;

-- name: connect_account
-- Store a token, replacing any stored one, and make the account active.
INSERT INTO _accounts (user_key, service, token, token_version, authorised_at_ms)
SELECT
    user_key,
    :service AS service,
    :token AS token,
    1 AS token_version,
    :at AS authorised_at_ms
FROM users
WHERE user_id = :id
ON CONFLICT (user_key) DO UPDATE SET
    service = excluded.service,
    token = excluded.token,
    token_version = _accounts.token_version + 1,
    authorised_at_ms = excluded.authorised_at_ms,
    state = 'active',
    state_reason = NULL,
    last_problem = NULL,
    permission_tries = 0,
    permission_retry_at_ms = NULL;

-- name: store_refreshed_token
-- Replace the token of a version and release the refresh lease. Spotify has accepted the permission, so an account that
-- it had refused is active again.
UPDATE _accounts SET
    token = :token,
    token_version = token_version + 1,
    authorised_at_ms = :at,
    refresh_owner = NULL,
    refresh_until_ms = 0,
    permission_tries = 0,
    permission_retry_at_ms = NULL,
    state_reason = CASE state WHEN 'needs_reauthorisation' THEN NULL ELSE state_reason END,
    state = CASE state WHEN 'needs_reauthorisation' THEN 'active' ELSE state END
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id) AND token_version = :expected;

-- name: replace_ciphertext
-- Store the token of a version encrypted with another key.
UPDATE _accounts SET token = :token, token_version = token_version + 1
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id) AND token_version = :expected;

-- name: refresh_owner
-- The owner of the account's refresh lease, even of an expired one.
SELECT refresh_owner FROM _accounts
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id) AND refresh_owner IS NOT NULL;

-- name: acquire_refresh_lease
-- Acquire or renew the account's refresh lease if it is free or expired; :dead is an owner that has died.
UPDATE _accounts SET refresh_owner = :owner, refresh_until_ms = :until
WHERE
    user_key = (SELECT user_key FROM users WHERE user_id = :id)
    AND (refresh_until_ms NOT BETWEEN :now AND :latest OR refresh_owner = :owner OR refresh_owner = :dead);

-- name: release_refresh_lease
-- Release the account's refresh lease.
UPDATE _accounts SET refresh_owner = NULL, refresh_until_ms = 0
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id) AND refresh_owner = :owner;

-- name: permission_tries
-- The number of retries of a refused permission, and the time of the next retry.
SELECT
    state,
    permission_tries,
    permission_retry_at_ms
FROM _accounts
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id) AND token_version = :expected;

-- name: mark_reauthorisation_needed
-- Record that Spotify refused the token of a version, and the time of the next retry.
UPDATE _accounts SET
    state = 'needs_reauthorisation',
    state_reason = :reason,
    permission_tries = :tries,
    permission_retry_at_ms = :retry_at
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id) AND token_version = :expected;
