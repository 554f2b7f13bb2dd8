-- The outcomes of an import's rows, by their name.
ALTER TABLE imported_files RENAME COLUMN fates TO outcomes;
