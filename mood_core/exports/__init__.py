"""Reads the listening histories that Spotify exports: zips, folders and JSON files."""
