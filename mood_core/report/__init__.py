"""Reports for people: the mood page, the recap and Datasette's metadata, all from the SQL views."""
