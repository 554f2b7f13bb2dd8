"""Finds the listens of a window that are stored already: revised by Spotify, or from an import. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.play_matching import Rule, align, matches_by_song
from mood_core.domain.play_rules import MINUTE_MS, REVISED_MS, TOLERANCE_MS, Play, overlapping, revised
from mood_core.domain.recent_window import Key
from mood_core.domain.recordings import songs_of
from mood_core.domain.records import Listen, ListenSource, Track, to_ms

Stored = tuple[Listen, Track]
"""A stored listen and its track."""

_Named = tuple[str, Play]
"""A song, and a play of it."""

_LONGEST_MS = 24 * 3_600_000


def reach(window: ListenWindow) -> timedelta:
    """How far before a listen of ``window`` a stored one can be the same play."""
    longest = max((track.duration_ms or 0 for track in window.tracks), default=0)
    return timedelta(milliseconds=max(min(longest, _LONGEST_MS), REVISED_MS) + TOLERANCE_MS + MINUTE_MS)


def known_plays(
    window: ListenWindow, unknown: Sequence[Listen], stored: Sequence[Stored], named_otherwise: Sequence[Track] = ()
) -> set[Key]:
    """The keys of the ``unknown`` listens that are plays in ``stored``, by :mod:`mood_core.domain.play_rules`.

    The window must contain the plays since its oldest item, and all of them if it is not full. What it does not contain
    was revised. A listen before the window may have become its oldest item; if the window has no other
    known play, only when both are too close to be two plays.

    Args:
        window: the whole window.
        unknown: its listens without a stored listen of the same time and track.
        stored: the stored listens from :func:`reach` before the first of ``unknown`` on.
        named_otherwise: the tracks of both again, under their other stored names.
    """
    if not stored or not unknown:
        return set()
    named = _Songs([*(track for _, track in stored), *window.tracks], named_otherwise)
    shown = {_key(listen) for listen in window.listens}
    missing = [listen for listen, _ in stored if _is_polled(listen) and _key(listen) not in shown]
    since = window.oldest_at if window.full else None
    expected = [listen for listen in missing if since is None or listen.played_at >= since]
    is_connected = len(unknown) < len(window.listens) or bool(_matching(unknown, expected, named, revised))
    found = _matching(unknown, missing, named, revised if is_connected else overlapping)
    left = [listen for listen in unknown if _key(listen) not in found]
    imported = [
        (song, replace(play, expected=since is None or _start_ms(play) >= to_ms(since)))
        for song, play in (named(listen) for listen, _ in stored if not _is_polled(listen))
    ]
    matches = matches_by_song([named(listen) for listen in left], imported)
    return found | {_key(listen) for listen, match in zip(left, matches, strict=True) if match}


def _matching(unknown: Sequence[Listen], missing: Sequence[Listen], named: _Songs, rule: Rule) -> set[Key]:
    """The keys of the ``unknown`` listens that are one of the ``missing`` ones by ``rule``."""
    found: set[Key] = set()
    old, new = named.by_song(missing), named.by_song(unknown)
    for song in old.keys() & new.keys():
        keys, plays = zip(*new[song], strict=True)
        matched = align([play for _, play in old[song]], plays, rule)
        found |= {key for key, place in zip(keys, matched, strict=True) if place is not None}
    return found


class _Songs:
    """Returns the song and the play of a listen."""

    def __init__(self, tracks: Sequence[Track], named_otherwise: Sequence[Track]) -> None:
        self._songs = songs_of([*tracks, *named_otherwise])
        self._durations = {track.track_id: track.duration_ms for track in tracks}

    def __call__(self, listen: Listen) -> _Named:
        play = Play(to_ms(listen.played_at), listen.ms_played, listen.source, self._durations.get(listen.track_id))
        return self._songs.get(listen.track_id, listen.track_id), play

    def by_song(self, listens: Sequence[Listen]) -> dict[str, list[tuple[Key, Play]]]:
        """The keys and plays of ``listens`` by song, in their order."""
        found: dict[str, list[tuple[Key, Play]]] = defaultdict(list)
        for listen in listens:
            song, play = self(listen)
            found[song].append((_key(listen), play))
        return found


def _start_ms(play: Play) -> int:
    return play.at_ms - (play.ms_played or 0)


def covers(plays: Sequence[Stored], time: datetime) -> bool:
    """Whether an export reaches beyond ``time``, so that all listens before it are known."""
    return any(listen.played_at >= time for listen, _ in plays if not _is_polled(listen))


def _is_polled(listen: Listen) -> bool:
    return listen.source is ListenSource.RECENTLY_PLAYED


def _key(listen: Listen) -> Key:
    return listen.played_at, listen.track_id
