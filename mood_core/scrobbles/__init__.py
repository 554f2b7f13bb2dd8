"""Services that keep a person's listening history: ListenBrainz and Last.fm.

Both are read over :mod:`mood_core.http`. Their client libraries are not used: liblistenbrainz has no timeouts, sleeps
for the whole rate limit inside a call and is under the GPL; pylast also sleeps, reads XML, and needs a second HTTP
library.
"""
