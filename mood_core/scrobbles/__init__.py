"""Services that keep a person's listening history: ListenBrainz and Last.fm.

Both are read over :mod:`mood_core.http`; docs/decisions/no-scrobble-libraries.md says why not by their client libraries.
"""
