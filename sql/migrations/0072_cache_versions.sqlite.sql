-- The versions of what processes cache have a table of that name.
ALTER TABLE _epochs RENAME TO _cache_versions;
ALTER TABLE _cache_versions RENAME COLUMN epoch TO version;
