"""Files: written atomically, kept private, and checked before they are opened."""
