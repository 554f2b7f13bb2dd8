-- SQLite orders names by their characters anyway: only its statistics are read again.
ANALYZE sqlite_schema;
