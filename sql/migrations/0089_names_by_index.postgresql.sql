-- The index of names in the order of their characters, whatever the order of the database: names that begin alike are
-- one range of it.
DROP INDEX users_name_key;
CREATE INDEX users_name_key ON users (name_key COLLATE "C");
