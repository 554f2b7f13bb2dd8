-- How a play ended, as extended histories report it: whether the person skipped it, whether shuffle was on, and why it
-- ended. NULL if it is not known, as for listens from before this migration.
CREATE TABLE end_reasons (
    reason_key INTEGER PRIMARY KEY,
    reason_end TEXT NOT NULL UNIQUE
);
ALTER TABLE listens ADD COLUMN skipped INTEGER CHECK (skipped IN (0, 1));
ALTER TABLE listens ADD COLUMN shuffle INTEGER CHECK (shuffle IN (0, 1));
ALTER TABLE listens ADD COLUMN reason_key INTEGER;

-- The meaning of the views for people and of their columns, for the view data_dictionary. Written with the views.
CREATE TABLE view_columns (
    view_name TEXT NOT NULL,
    place INTEGER NOT NULL,
    column_name TEXT,
    meaning TEXT NOT NULL,
    PRIMARY KEY (view_name, place)
);
