"""Calls counted against the quotas of outside services."""
