"""What is read from and written to SQL, by subject."""
