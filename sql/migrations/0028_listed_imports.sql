-- What each import read and stored, to list it; NULL for imports by earlier versions and interrupted ones.
ALTER TABLE imports ADD COLUMN rows_read BIGINT;
ALTER TABLE imports ADD COLUMN outcomes TEXT;
