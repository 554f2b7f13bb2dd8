"""Shares the accounts of a run among workers."""
