"""Accounts: connect, manage, export, forget."""
