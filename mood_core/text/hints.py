"""Hints that messages of several layers give."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

NOBODY = (
    "no account is connected yet: run `moodlog import FILE`, `moodlog connect`, or"
    " `moodlog connect --from listenbrainz NAME` (or lastfm)"
)
"""What helps while no person is stored, within a sentence."""


def did_you_mean(wrong: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6) -> str:
    """A question with up to ``most`` of the ``known`` words that are similar to ``wrong``; empty without one.

    It begins with a space, so that it can follow a sentence. Capital letters are compared as small ones. ``cutoff``
    (0-1) is the least similarity.
    """
    by_key = {word.casefold(): word for word in sorted(known)}
    like = get_close_matches(wrong.casefold(), by_key, n=most, cutoff=cutoff)
    return f" Did you mean {' or '.join(by_key[key] for key in like)}?" if like else ""
