"""The only door to listening histories that Spotify exports: zips, folders and files of JSON."""
