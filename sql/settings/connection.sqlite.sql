-- The settings of each new connection to SQLite.

-- How long it waits for another writer, in ms.
PRAGMA busy_timeout = 60000;
-- Readers never wait for a writer.
PRAGMA journal_mode = WAL;
PRAGMA foreign_keys = ON;
PRAGMA wal_autocheckpoint = 10000;
PRAGMA temp_store = MEMORY;
-- Deleted rows are overwritten with zeros at once.
PRAGMA secure_delete = ON;
