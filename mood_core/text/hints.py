"""Hints that messages of several layers give."""

from __future__ import annotations

NOBODY = (
    "no account is connected yet: `moodlog connect` connects one of Spotify, `moodlog connect --from listenbrainz NAME`"
    " or `--from lastfm NAME` one of these services, and `moodlog import FILE` reads an export of your data"
)
"""What helps while no person is stored."""
