"""Makes a window of listens from the rows of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from mood_core.domain.listen_window import ListenWindow, NamedPlay, SkippedItem, SkipReason
from mood_core.domain.records import Listen, ListenSource, Track
from mood_core.domain.scrobbles import BadScrobble, Scrobble


def window_of(
    rows: Sequence[object],
    parse: Callable[[object], Scrobble | None],
    user_id: str,
    source: ListenSource,
    *,
    full: bool,
) -> ListenWindow:
    """The window of ``rows``, newest first as the services send them; ``parse`` returns None for a row to ignore.

    ``full`` is whether the service has older rows.
    """
    scrobbles: list[Scrobble] = []
    skipped: list[SkippedItem] = []
    for position, row in enumerate(rows):
        try:
            scrobble = parse(row)
        except BadScrobble as reason:
            skipped.append(SkippedItem(SkipReason.MALFORMED, position, str(reason)))
            continue
        if scrobble is not None:
            scrobbles.append(scrobble)
    scrobbles.sort(key=lambda scrobble: scrobble.started_at)
    return window_of_scrobbles(scrobbles, user_id, source, tuple(skipped), full=full)


def window_of_scrobbles(
    scrobbles: Sequence[Scrobble],
    user_id: str,
    source: ListenSource,
    skipped: tuple[SkippedItem, ...] = (),
    *,
    full: bool,
) -> ListenWindow:
    """The window of ``scrobbles``, oldest first."""
    listens: dict[tuple[datetime, str], Listen] = {}
    tracks: dict[str, Track] = {}
    names: list[NamedPlay] = []
    for each in scrobbles:
        track = each.track
        if track is None:
            names.append(NamedPlay(user_id, each.started_at, each.artists[0], each.title, source))
            continue
        listens[each.started_at, track.track_id] = Listen(user_id, each.started_at, track.track_id, source)
        tracks.setdefault(track.track_id, track)
    oldest = scrobbles[0].started_at if scrobbles else None
    return ListenWindow(tuple(listens.values()), tuple(tracks.values()), skipped, full, oldest, tuple(names))
