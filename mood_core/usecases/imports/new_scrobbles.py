"""Finds the scrobbles of a window that are not stored yet, from any source. Pure.

1. A scrobble with the second and the song of a stored one of the same service is that one. A scrobble in the
   place of a stored one that the window no longer shows in that second is that one too: it is mapped to another track.
   Scrobbles of different songs that a service shows in one second are different plays, which a wrong clock or an old
   import has dated alike.
2. Two clients may submit one play some seconds apart: a second scrobble of a song within half a minute is the same
   play, because shorter plays do not count.
3. A scrobble that matches a play from another source by :mod:`mood_core.domain.play_rules` is that play.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mood_core.domain.listen_window import AnyPlay, ListenWindow, NamedPlay, play_time, track_of
from mood_core.domain.play_matching import matches_by_song
from mood_core.domain.play_rules import Play, scrobbled_twice
from mood_core.domain.recordings import songs_of
from mood_core.domain.records import Listen, ListenSource, Track, to_ms
from mood_core.exports.outcomes import RowOutcome

REACH = timedelta(minutes=30)
"""How far outside a window a stored play can be the same as one of its scrobbles: longer than most recordings."""


@dataclass(slots=True)
class NewScrobbles:
    """The scrobbles to store, and the outcomes of all."""

    listens: list[Listen] = field(default_factory=list)
    named: list[NamedPlay] = field(default_factory=list)
    outcomes: Counter[RowOutcome] = field(default_factory=Counter)

    @property
    def times(self) -> list[datetime]:
        """When the new scrobbles were played."""
        return [*(listen.played_at for listen in self.listens), *(play.at for play in self.named)]


def new_scrobbles(
    window: ListenWindow,
    source: ListenSource,
    stored: Sequence[AnyPlay],
    named_otherwise: Sequence[Track] = (),
    *,
    to_the_minute: bool = False,
) -> NewScrobbles:
    """The scrobbles of ``window`` that are not among the ``stored`` plays, which reach :data:`REACH` beyond it.

    ``named_otherwise`` are the tracks of both again, under their other stored names.
    Scrobbles with times ``to_the_minute`` are compared with the stored ones of ``source`` like those of another source.
    """
    tracks = {track.track_id: track for track in window.tracks}
    items: list[AnyPlay] = [(listen, tracks[listen.track_id]) for listen in window.listens]
    items += [(play, track_of(play)) for play in window.named]
    items.sort(key=lambda item: (play_time(item[0]), isinstance(item[0], NamedPlay)))
    own = [item for item in stored if item[0].source is source]
    named = [*(track for _, track in (*stored, *items)), *window.other_names, *named_otherwise]
    new, songs = NewScrobbles(), _Songs(named)
    fresh = _not_stored(items, own, songs, new)
    fresh = _played_once(fresh, own, songs, new)
    others = [songs.play(item) for item in stored if to_the_minute or item[0].source is not source]
    plays = [songs.play(item) for item in fresh]
    if to_the_minute:
        plays = [(song, replace(play, source=ListenSource.ACCOUNT_DATA)) for song, play in plays]
    matches = matches_by_song(plays, others)
    for (play, _), match in zip(fresh, matches, strict=True):
        if match is not None:
            new.outcomes[_outcome(match)] += 1
        elif isinstance(play, Listen):
            new.listens.append(play)
            new.outcomes[RowOutcome.IMPORTED] += 1
        else:
            new.named.append(play)
            new.outcomes[RowOutcome.UNMATCHED] += 1
    return new


def _not_stored(items: Sequence[AnyPlay], own: Iterable[AnyPlay], songs: _Songs, new: NewScrobbles) -> list[AnyPlay]:
    """``items`` without those that are stored in the same second, or are in it twice."""
    shown, stored = songs.by_second(items), songs.by_second(own)
    replaced = {second: len(some - shown.get(second, some)) for second, some in stored.items()}
    fresh: dict[tuple[int, str], AnyPlay] = {}
    for item in items:
        second, song = _second(item[0]), songs.play(item)[0]
        if song in stored.get(second, ()):
            new.outcomes[RowOutcome.ALREADY_IMPORTED] += 1
        elif (second, song) in fresh:
            new.outcomes[RowOutcome.DUPLICATE] += 1
        elif replaced.get(second, 0) > 0:
            replaced[second] -= 1
            new.outcomes[RowOutcome.ALREADY_IMPORTED] += 1
        else:
            fresh[second, song] = item
    return list(fresh.values())


def _played_once(items: Sequence[AnyPlay], own: Iterable[AnyPlay], songs: _Songs, new: NewScrobbles) -> list[AnyPlay]:
    """``items`` without those that are another scrobble of a play in ``own`` or in ``items``."""
    stored, kept = defaultdict[str, list[Play]](list), defaultdict[str, list[Play]](list)
    for song, play in map(songs.play, own):
        stored[song].append(play)
    left = []
    for item in items:
        song, play = songs.play(item)
        if any(scrobbled_twice(play, other) for other in stored[song]):
            new.outcomes[RowOutcome.SAME_LISTEN] += 1
        elif any(scrobbled_twice(play, other) for other in kept[song]):
            new.outcomes[RowOutcome.DUPLICATE] += 1
        else:
            kept[song].append(play)
            left.append(item)
    return left


def _outcome(match: Play) -> RowOutcome:
    is_polled = match.source is ListenSource.RECENTLY_PLAYED
    return RowOutcome.KNOWN_FROM_POLLING if is_polled else RowOutcome.SAME_LISTEN


class _Songs:
    """Returns the song and the play of a stored or new item."""

    def __init__(self, tracks: Iterable[Track]) -> None:
        self._songs = songs_of(tracks)

    def play(self, item: AnyPlay) -> tuple[str, Play]:
        play, track = item
        return self._songs[track.track_id], Play(to_ms(play_time(play)), play.ms_played, play.source, track.duration_ms)

    def by_second(self, items: Iterable[AnyPlay]) -> dict[int, set[str]]:
        songs = defaultdict[int, set[str]](set)
        for play, track in items:
            songs[_second(play)].add(self._songs[track.track_id])
        return songs


def _second(play: Listen | NamedPlay) -> int:
    return to_ms(play_time(play)) // 1000


def ids_of(window: ListenWindow, stored: Iterable[AnyPlay]) -> set[str]:
    """The ids of the tracks of ``window`` and of the ``stored`` plays."""
    return {listen.track_id for listen, _ in stored if isinstance(listen, Listen)}.union(
        track.track_id for track in window.tracks
    )


def period(window: ListenWindow) -> tuple[datetime, datetime] | None:
    """The closed period in which a stored play can be a scrobble of ``window``; None if it is empty."""
    times = window.times
    return (min(times) - REACH, max(times) + REACH) if times else None
