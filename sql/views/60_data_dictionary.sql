-- What you can query: one row per view (column_name is NULL) and one per column of it, with the meaning. All other
-- tables and views are moodlog's own and change without notice.
CREATE VIEW data_dictionary AS
SELECT
    view_name,
    column_name,
    meaning
FROM _view_columns
ORDER BY view_name, place
