"""What people look at: the mood page and the recap, drawn from the views that everybody can query."""
