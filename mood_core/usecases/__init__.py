"""The use cases, free of Prefect: plain functions that get their collaborators as arguments."""
