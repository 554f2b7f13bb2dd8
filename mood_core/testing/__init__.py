"""Test suites for authors of plug-ins."""
