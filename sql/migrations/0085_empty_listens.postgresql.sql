-- Without listens nothing refers to what is deleted. A rebuild deletes the listens first, and their deleted rows stay
-- in the indexes until it ends: looking for the listens of each track read them all again, for hours.
CREATE OR REPLACE FUNCTION check_listens_remain() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    in_use BOOLEAN;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM listens) THEN
        RETURN NULL;
    ELSIF TG_TABLE_NAME = 'users' THEN
        in_use := EXISTS (SELECT 1 FROM removed AS r INNER JOIN listens AS l ON l.user_key = r.user_key);
    ELSIF TG_TABLE_NAME = 'tracks' THEN
        in_use := EXISTS (SELECT 1 FROM removed AS r INNER JOIN listens AS l ON l.track_key = r.track_key);
    ELSE
        in_use := EXISTS (SELECT 1 FROM removed AS r INNER JOIN listens AS l ON l.source_key = r.source_key);
    END IF;
    IF in_use THEN
        RAISE foreign_key_violation USING MESSAGE = 'listens refer to what would be deleted; delete them first';
    END IF;
    RETURN NULL;
END
$$;
