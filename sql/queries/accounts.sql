-- Accounts and their leases: who is connected, and which run pulls which account.

-- name: accounts
-- Every account, or those of some ids, with the time of the newest stored listen.
SELECT
    u.user_id,
    u.display_name,
    u.timezone,
    u.connected_at_ms,
    coalesce(a.state, 'unconnected') AS state,
    CASE
        WHEN u.user_key IN (SELECT f.user_key FROM _people_to_forget AS f) THEN 'is being forgotten'
        ELSE a.state_reason
    END AS state_reason,
    a.authorised_at_ms,
    a.last_pulled_at_ms,
    a.last_problem,
    a.permission_retry_at_ms,
    coalesce(a.service, 'spotify') AS service,
    coalesce(a.recent_plays, 0) AS recent_plays,
    a.half_window_ms,
    a.changed_plays,
    (SELECT max(l.played_at_ms) FROM listens AS l WHERE l.user_key = u.user_key) AS newest_listen_at_ms
FROM users AS u
LEFT JOIN _accounts AS a ON u.user_key = a.user_key
/* user_ids: WHERE u.user_id = ANY(:user_ids) */
/* chosen: WHERE u.user_key IN (any_chosen) */
/* after: WHERE u.name_key COLLATE "C" >= :name_key AND (u.name_key <> :name_key OR u.user_id > :user_id) */
/* below: AND u.name_key COLLATE "C" < :below */
/* unkeyed: WHERE u.name_key IS NULL */
/* page: ORDER BY u.name_key COLLATE "C", u.user_id LIMIT :most */;

-- name: people_called
-- Who has one of some names, as they are compared; and everybody whose name was not brought to this form yet.
SELECT
    user_id,
    display_name
FROM users
WHERE name_key COLLATE "C" = ANY(:names)
UNION ALL
SELECT
    user_id,
    display_name
FROM users
WHERE name_key IS NULL;

-- name: people_with_ids
-- Who has one of some ids.
SELECT
    user_id,
    display_name
FROM users
WHERE user_id = ANY(:ids);

-- name: names_without_key
-- The names that were not brought yet to the form in which they are compared.
SELECT
    user_id,
    display_name
FROM users
WHERE name_key IS NULL;

-- name: set_name_key
-- Record how a name is compared, unless it has changed since.
UPDATE users SET name_key = :name_key
WHERE user_id = :user_id AND display_name = :display_name;

-- name: refused_accounts
-- The accounts with a refused permission that is to be tried again.
SELECT a.user_key FROM _accounts AS a
WHERE a.state = 'needs_reauthorisation' AND a.permission_retry_at_ms IS NOT NULL;

-- name: accounts_to_renew
-- The accounts whose permission was refused, and those with Spotify's consent from :before or earlier.
SELECT a.user_key FROM _accounts AS a
WHERE a.state = 'needs_reauthorisation'
UNION
SELECT a.user_key FROM _accounts AS a
WHERE a.state = 'active' AND a.service = 'spotify' AND a.authorised_at_ms <= :before;

-- name: accounts_not_pulled
-- The active accounts that were last pulled between two times, or never.
SELECT a.user_key FROM _accounts AS a
WHERE a.state = 'active' AND a.last_pulled_at_ms >= :first AND a.last_pulled_at_ms < :last
UNION
SELECT a.user_key FROM _accounts AS a
WHERE a.state = 'active' AND a.last_pulled_at_ms IS NULL;

-- name: accounts_with_problem
-- Up to :most accounts that a person must look at: a refused permission, and active ones whose consent is from :before
-- or earlier, whose last pull failed or was not between two times, or whose stored plays were changed at the service.
-- Each branch reads one index and stops.
SELECT p.user_key FROM (
    SELECT user_key FROM (
        SELECT user_key FROM _accounts
        WHERE state = 'needs_reauthorisation'
        ORDER BY permission_retry_at_ms
        LIMIT :most
    ) AS a
    UNION
    SELECT user_key FROM (
        SELECT user_key FROM _accounts
        WHERE state = 'active' AND last_problem IS NOT NULL
        ORDER BY user_key
        LIMIT :most
    ) AS b
    UNION
    SELECT user_key FROM (
        SELECT user_key FROM _accounts
        WHERE state = 'active' AND changed_plays IS NOT NULL
        ORDER BY user_key
        LIMIT :most
    ) AS c
    UNION
    SELECT user_key FROM (
        SELECT user_key FROM _accounts
        WHERE state = 'active' AND last_pulled_at_ms IS NULL
        ORDER BY last_pulled_at_ms
        LIMIT :most
    ) AS d
    UNION
    SELECT user_key FROM (
        SELECT user_key FROM _accounts
        WHERE state = 'active' AND last_pulled_at_ms < :first
        ORDER BY last_pulled_at_ms
        LIMIT :most
    ) AS e
    UNION
    SELECT user_key FROM (
        SELECT user_key FROM _accounts
        WHERE state = 'active' AND last_pulled_at_ms > :last
        ORDER BY last_pulled_at_ms
        LIMIT :most
    ) AS f
    UNION
    SELECT user_key FROM (
        SELECT user_key FROM _accounts
        WHERE state = 'active' AND service = 'spotify' AND authorised_at_ms <= :before
        ORDER BY authorised_at_ms
        LIMIT :most
    ) AS g
) AS p
ORDER BY p.user_key
LIMIT :most;

-- name: people_with_shared_names
-- The people whose name, as it is compared, another person has too.
SELECT p.user_key FROM users AS p
WHERE
    p.name_key IN (
        SELECT n.name_key FROM users AS n
        GROUP BY n.name_key
        HAVING count(*) > 1
    );

-- name: authorised_accounts
-- Up to :most accounts of a service with a stored permission, the oldest or the newest consents first.
SELECT (SELECT u.user_id FROM users AS u WHERE u.user_key = a.user_key) AS user_id
FROM _accounts AS a
WHERE a.service = :service AND a.authorised_at_ms IS NOT NULL
ORDER BY a.authorised_at_ms /* newest: DESC */
LIMIT :most;

-- name: account_numbers
-- How many people are stored, at most :most, and when an active account was pulled last.
SELECT
    (SELECT count(*) FROM (SELECT user_id FROM users ORDER BY user_id LIMIT :most) AS u) AS people,
    (SELECT max(a.last_pulled_at_ms) FROM _accounts AS a WHERE a.state = 'active') AS last_pulled_at_ms;

-- name: active_accounts
-- Everybody whose account is active.
SELECT u.user_id FROM _accounts AS a
INNER JOIN users AS u ON a.user_key = u.user_key
WHERE a.state = 'active'
ORDER BY u.name_key, u.user_id;

-- name: active_spotify_accounts
-- Some active accounts of Spotify, the newest consent first.
SELECT u.user_id FROM _accounts AS a
INNER JOIN users AS u ON a.user_key = u.user_key
WHERE a.state = 'active' AND a.service = 'spotify'
ORDER BY a.authorised_at_ms DESC
LIMIT :most;

-- name: count_active_accounts
-- The number of active accounts, at most :most.
SELECT count(*) FROM (
    SELECT due_at_ms FROM _accounts
    WHERE state = 'active'
    ORDER BY due_at_ms
    LIMIT :most
) AS a;

-- name: due_accounts
-- The active accounts that are due at :now and were not pulled after :pulled_until; and those that a wrong clock pulled
-- after :now. Each branch reads one index.
SELECT u.user_id FROM users AS u
WHERE
    u.user_key IN (
        SELECT a.user_key FROM _accounts AS a
        WHERE
            a.state = 'active'
            AND a.due_at_ms <= :now
            AND (a.last_pulled_at_ms IS NULL OR a.last_pulled_at_ms <= :pulled_until)
        UNION
        SELECT a.user_key FROM _accounts AS a
        WHERE a.state = 'active' AND a.last_pulled_at_ms > :now
    )
    /* user_ids: AND u.user_id = ANY(:user_ids) */
ORDER BY u.user_id;

-- name: lease_owners
-- Every owner of an account lease, including expired ones: each is looked up after the one before, so that the accounts
-- of a run are not read.
WITH RECURSIVE owners (leased_by) AS (
    SELECT min(leased_by) FROM _accounts
    WHERE leased_by IS NOT NULL
    UNION ALL
    SELECT (SELECT min(a.leased_by) FROM _accounts AS a WHERE a.leased_by > o.leased_by) FROM owners AS o
    WHERE o.leased_by IS NOT NULL
)

SELECT leased_by FROM owners
WHERE leased_by IS NOT NULL;

-- name: acquire_account_leases
-- Acquire or renew the leases of active accounts that are free or expired, or belong to one of the owners in :free.
UPDATE _accounts SET
    leased_by = :owner,
    leased_until_ms = :until,
    lease_number = lease_number + CASE WHEN leased_by = :owner THEN 0 ELSE 1 END
WHERE
    user_key IN (SELECT user_key FROM users WHERE user_id = ANY(:user_ids))
    AND (leased_by IS NULL OR leased_until_ms NOT BETWEEN :now AND :latest OR leased_by = ANY(:free))
    AND state = 'active'
RETURNING (SELECT u.user_id FROM users AS u WHERE u.user_key = _accounts.user_key) AS user_id, last_problem;

-- name: lease_numbers
-- The accounts that an owner has leased, with the fencing numbers of the leases.
SELECT
    u.user_id,
    a.lease_number
FROM _accounts AS a
INNER JOIN users AS u ON a.user_key = u.user_key
WHERE a.leased_by = :owner;

-- name: release_account_leases
-- Release an owner's leases: all, or those of some accounts.
UPDATE _accounts SET leased_by = NULL, leased_until_ms = 0
WHERE
    /* user_ids: user_key IN (SELECT user_key FROM users WHERE user_id = ANY(:user_ids)) AND */
    leased_by = :owner;

-- name: drop_leases
-- Release every lease of every owner: in a copy of the database, where no run pulls accounts.
UPDATE _accounts SET leased_by = NULL, leased_until_ms = 0, refresh_owner = NULL, refresh_until_ms = 0;

-- name: lease_holders
-- The owners of leases of accounts and token refreshes that have not expired.
SELECT leased_by AS holder FROM _accounts
WHERE leased_by IS NOT NULL AND leased_until_ms > :now
UNION
SELECT refresh_owner AS holder FROM _accounts
WHERE refresh_owner IS NOT NULL AND refresh_until_ms > :now;

-- name: record_pull
-- Record that an account was pulled without a problem, its pace, and when it is due again.
UPDATE _accounts SET
    last_pulled_at_ms = :at,
    last_problem = NULL,
    due_at_ms = :due,
    recent_plays = :plays,
    half_window_ms = :half_window
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: record_problem
-- Record why an account could not be pulled.
UPDATE _accounts SET last_problem = :value
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: history_place
-- How far the history of an account was read: up to the newest play, and down into an open gap; and what was there.
SELECT
    read_up_to_ms,
    read_down_to_ms,
    history_start_at_ms,
    history_plays,
    empty_since_ms,
    read_again_at_ms,
    read_again_below_ms
FROM _accounts
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id);

-- name: set_read_up_to
-- Record the newest play up to which an account's history was read, the oldest play there, and the number of plays.
UPDATE _accounts
SET
    read_up_to_ms = :value,
    history_start_at_ms = :start,
    history_plays = :plays
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: changed_plays
-- The times of stored plays of an account that were deleted or edited at the service since, as JSON.
SELECT changed_plays FROM _accounts
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id);

-- name: set_changed_plays
-- Record which stored plays of an account were deleted or edited at the service; NULL if none was.
UPDATE _accounts SET changed_plays = :value
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: restart_history
-- Let the next pull read the whole history of an account.
UPDATE _accounts
SET
    read_up_to_ms = NULL,
    read_down_to_ms = NULL,
    changed_plays = NULL,
    history_start_at_ms = NULL,
    history_plays = NULL,
    empty_since_ms = NULL,
    read_again_at_ms = NULL,
    read_again_below_ms = NULL
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: set_read_down_to
-- Record down to which time an open gap of an account has been read; NULL once it is filled.
UPDATE _accounts SET read_down_to_ms = :value, empty_since_ms = NULL
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: set_empty_since
-- Record since when the next page of an open gap is empty.
UPDATE _accounts SET empty_since_ms = :value
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: set_read_again
-- Record when an older page of an account's history was read again, and where the next one begins.
UPDATE _accounts SET read_again_at_ms = :at, read_again_below_ms = :below
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: service
-- The service that an account is pulled from.
SELECT service FROM _accounts
WHERE user_key = (SELECT u.user_key FROM users AS u WHERE u.user_id = :id);

-- name: set_account_state
-- Set an account's state: active, paused or needs_reauthorisation.
UPDATE _accounts SET
    state = :state,
    state_reason = :reason,
    last_problem = CASE WHEN :state = 'active' THEN NULL ELSE last_problem END
WHERE user_key = (SELECT user_key FROM users WHERE user_id = :id);

-- name: listening_paces
-- By person: the plays since a time, and the shortest time between a play and the play that is :plays later. The first
-- pull of a day reads all of these plays, the next ones the plays since :longest before the last pull: a longer time
-- changes no schedule.
WITH people AS (
    SELECT
        u.user_key,
        u.user_id,
        CASE WHEN a.last_pulled_at_ms >= :today THEN a.half_window_ms END AS known_ms,
        CASE WHEN a.last_pulled_at_ms >= :today THEN a.last_pulled_at_ms - :longest ELSE :since END AS since_ms
    FROM users AS u
    LEFT JOIN _accounts AS a ON u.user_key = a.user_key
    WHERE u.user_id = ANY(:user_ids)
),

spans AS (
    SELECT
        p.user_key,
        l.played_at_ms - lag(l.played_at_ms, CAST(:plays AS INTEGER))
            OVER (PARTITION BY p.user_key ORDER BY l.played_at_ms) AS span_ms
    FROM people AS p -- CROSS JOIN: SQLite begins with the people
    CROSS JOIN listens AS l
    WHERE l.user_key = p.user_key AND l.played_at_ms >= p.since_ms
),

shortest AS (
    SELECT
        user_key,
        min(span_ms) AS span_ms
    FROM spans
    GROUP BY user_key
)

SELECT
    p.user_id,
    (SELECT count(*) FROM listens AS l WHERE l.user_key = p.user_key AND l.played_at_ms >= :since) AS plays,
    CASE WHEN s.span_ms IS NULL OR p.known_ms < s.span_ms THEN p.known_ms ELSE s.span_ms END AS shortest_ms
FROM people AS p
LEFT JOIN shortest AS s ON p.user_key = s.user_key;

-- name: regular_listeners_without_listens
-- The active accounts whose last day with listens is between two days, and that listened on many days before. Only
-- people with a source whose last listen is around these days are read; stale totals do not have all of them.
SELECT
    u.user_id,
    max(d.day) AS last_day
FROM users AS u
INNER JOIN _accounts AS a ON u.user_key = a.user_key
INNER JOIN _mood_days AS d ON u.user_key = d.user_key
WHERE
    a.state = 'active'
    AND d.day >= :since
    /* quiet: AND u.user_key IN (
        SELECT t.user_key FROM _listen_totals AS t
        WHERE t.last_played_at_ms >= :first AND t.last_played_at_ms < :last
    ) */
GROUP BY u.user_id
HAVING max(d.day) BETWEEN :earliest AND :latest AND count(*) >= :days
ORDER BY u.user_id;
