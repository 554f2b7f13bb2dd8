"""Reads exported listening histories of Spotify, ListenBrainz and Last.fm: zips, folders, JSON and CSV files."""
