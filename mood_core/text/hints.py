"""Hints that messages of several layers give."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

NOBODY = (
    "no account is connected yet: `moodlog connect` connects one of Spotify, `moodlog connect --from listenbrainz NAME`"
    " or `--from lastfm NAME` one of these services, and `moodlog import FILE` reads an export of your data"
)
"""What helps while no person is stored."""


def did_you_mean(wrong: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6) -> str:
    """A question with up to ``most`` of the ``known`` words that are similar to ``wrong``; empty without one.

    It begins with a space, so that it can follow a sentence. ``cutoff`` (0-1) is the least similarity.
    """
    like = get_close_matches(wrong, sorted(known), n=most, cutoff=cutoff)
    return f" Did you mean {' or '.join(like)}?" if like else ""
