"""Services that keep a person's listening history: ListenBrainz and Last.fm, read over :mod:`mood_core.http`.

docs/decisions/no-scrobble-libraries.md says why they are not read by their client libraries.
"""
