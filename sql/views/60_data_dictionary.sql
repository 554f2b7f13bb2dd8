-- What you can query: one row per view (column_name is NULL) and one per column of it, with the meaning.
-- Tables and views whose names begin with _ are moodlog's own and change without notice; the other tables hold the
-- facts that the views are made of, with keys and times as numbers.
CREATE VIEW data_dictionary AS
SELECT
    view_name,
    column_name,
    meaning
FROM _view_columns
ORDER BY view_name, place
