"""Services that keep a person's listening history: ListenBrainz and Last.fm.

Both are read over :mod:`mood_core.http`. Why their client libraries are not used: docs/decisions/no-scrobble-libraries.md.
"""
