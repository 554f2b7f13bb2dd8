"""The use cases with their parts bound from the settings."""
