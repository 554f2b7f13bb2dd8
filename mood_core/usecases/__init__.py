"""Use cases, independent of Prefect: functions that receive their collaborators as arguments."""
