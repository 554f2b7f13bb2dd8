"""Imports of exports from Spotify, ListenBrainz and Last.fm."""
