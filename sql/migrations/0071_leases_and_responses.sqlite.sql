-- The words of the glossary: an account is leased, and what a service sends is a response.
ALTER TABLE _accounts RENAME COLUMN claimed_by TO leased_by;
ALTER TABLE _accounts RENAME COLUMN claimed_until_ms TO leased_until_ms;
DROP INDEX accounts_claimed;
CREATE INDEX accounts_leased ON _accounts (leased_by) WHERE leased_by IS NOT NULL;
ALTER TABLE _pending_answers RENAME TO _pending_responses;
ALTER TABLE _pending_responses RENAME COLUMN answer_id TO response_id;

-- Its statistics, as in 0026_planner_statistics.
UPDATE sqlite_stat1 SET
    tbl = '_pending_responses',
    idx = replace(idx, '_pending_answers', '_pending_responses')
WHERE tbl = '_pending_answers';

ANALYZE sqlite_schema;
