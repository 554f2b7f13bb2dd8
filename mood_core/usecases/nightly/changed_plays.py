"""Finds stored scrobbles that their service no longer shows: deleted there, or edited to another song. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from mood_core.domain.listen_window import AnyPlay, ListenWindow, play_time, track_of
from mood_core.domain.recordings import songs_of
from mood_core.domain.records import ListenSource, to_ms


def changed_plays(window: ListenWindow, source: ListenSource, stored: Sequence[AnyPlay]) -> list[datetime]:
    """The times of ``stored`` plays of ``source`` after the window's oldest second that the window does not show.

    The window is the newest page of the service. A play in the second of a row that could not be read is not missing.
    """
    if not window.times:
        return []
    oldest = min(map(_second, window.times))
    named = [(play.at, track_of(play)) for play in window.named]
    tracks = {track.track_id: track for track in window.tracks}
    shown = [(listen.played_at, tracks[listen.track_id]) for listen in window.listens] + named
    own = [(play_time(play), track) for play, track in stored if play.source is source]
    songs = songs_of(track for _, track in (*shown, *own))
    shown_songs = defaultdict[int, set[str]](set)
    for at, track in shown:
        shown_songs[_second(at)].add(songs[track.track_id])
    kept = {item.at_s for item in window.skipped}
    kept |= {_second(at) for at, track in own if songs[track.track_id] in shown_songs[_second(at)]}
    return sorted({at for at, _ in own if _second(at) > oldest and _second(at) not in kept})


def _second(moment: datetime) -> int:
    return to_ms(moment) // 1000
