-- The versions of what processes cache have a table of that name.
ALTER TABLE _epochs RENAME TO _cache_versions;
ALTER TABLE _cache_versions RENAME COLUMN epoch TO version;

CREATE OR REPLACE FUNCTION forget_keys() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE _cache_versions SET version = version + 1;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION forget_labels() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE _cache_versions SET version = version + 1 WHERE name = 'labels';
    RETURN NULL;
END
$$;

ALTER TABLE _cache_versions RENAME CONSTRAINT _epochs_pkey TO _cache_versions_pkey;
ALTER TABLE _cache_versions RENAME CONSTRAINT _epochs_name_check TO _cache_versions_name_check;
