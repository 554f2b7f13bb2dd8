-- The words of the glossary: an account is leased, and what a service sends is a response.
ALTER TABLE _accounts RENAME COLUMN claimed_by TO leased_by;
ALTER TABLE _accounts RENAME COLUMN claimed_until_ms TO leased_until_ms;
ALTER INDEX accounts_claimed RENAME TO accounts_leased;
ALTER TABLE _pending_answers RENAME TO _pending_responses;
ALTER TABLE _pending_responses RENAME COLUMN answer_id TO response_id;
DO $$
DECLARE
    old_name TEXT;
BEGIN
    FOR old_name IN
        SELECT conname FROM pg_constraint
        WHERE conrelid = to_regclass('_pending_responses') AND conname ~ '^_pending_answers_'
    LOOP
        EXECUTE format(
            'ALTER TABLE _pending_responses RENAME CONSTRAINT %I TO %I',
            old_name, replace(replace(old_name, '_pending_answers', '_pending_responses'), 'answer_id', 'response_id')
        );
    END LOOP;
END
$$;
