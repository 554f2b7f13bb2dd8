"""Text for people: plurals, date ranges, and safe single lines."""
