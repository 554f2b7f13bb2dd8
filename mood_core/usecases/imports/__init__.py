"""Imports of Spotify's account-data exports."""
