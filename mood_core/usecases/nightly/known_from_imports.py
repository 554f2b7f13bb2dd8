"""Finds the polled listens that an import has stored already, so that they are not stored twice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mood_core.domain.play_matching import Play, already_stored
from mood_core.domain.recent_window import Key
from mood_core.domain.records import Listen, ListenSource, Track, to_ms
from mood_core.domain.track_names import one_name

REACH = timedelta(minutes=3)
"""Search range before a polled listen: the time in an export is at most a minute and a half earlier."""

Imported = tuple[Track, datetime, int | None, str]
"""A listen from an export: (track, played_at, ms_played, source)."""


def imported_already(polled: Sequence[Listen], imported: Sequence[Imported], tracks: Sequence[Track]) -> set[Key]:
    """The keys of the ``polled`` listens that describe the same play as one of the ``imported`` listens.

    An export may contain a different Spotify id of the same song, so songs are compared by name if it is known.
    """
    if not imported:
        return set()
    song_of = {track.track_id: _name(track) for track in tracks}
    stored = [
        (song_of.get(track.track_id) or _name(track), Play(to_ms(at), ms, ListenSource(source)))
        for track, at, ms, source in imported
    ]
    plays = [
        (song_of.get(listen.track_id, listen.track_id), Play(to_ms(listen.played_at), None, listen.source))
        for listen in polled
    ]
    known = already_stored(plays, stored)
    return {(listen.played_at, listen.track_id) for listen, is_known in zip(polled, known, strict=True) if is_known}


def covers(imported: Sequence[Imported], time: datetime) -> bool:
    """Whether an export reaches beyond ``time``, so that all listens before it are known."""
    return any(at >= time for _, at, _, _ in imported)


def _name(track: Track) -> str:
    return one_name(track.name, ", ".join(track.artists)) or track.track_id
