"""Makes a window of listens from the rows of a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from mood_core.domain.listen_window import ListenWindow, NamedPlay, SkippedItem, SkipReason
from mood_core.domain.records import Listen, ListenSource, Track, from_ms
from mood_core.domain.scrobbles import BadScrobble, Scrobble, started_s
from mood_core.errors import GarbledPayload
from mood_core.http.json_service import JsonService

Payload = Mapping[str, object]
"""The part of a response that has the page of listens."""


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
            skipped.append(SkippedItem(SkipReason.MALFORMED, position, str(reason), started_s(row), row))
            continue
        if scrobble is not None:
            scrobbles.append(scrobble)
    scrobbles.sort(key=lambda scrobble: scrobble.started_at)
    window = window_of_scrobbles(scrobbles, user_id, source)
    times = [second for row in rows if (second := started_s(row)) is not None]
    if not times:
        return replace(window, skipped=tuple(skipped), full=full)
    oldest_at, before = from_ms(min(times) * 1000), from_ms(_next_before(times) * 1000)
    return replace(window, skipped=tuple(skipped), full=full, oldest_at=oldest_at, next_before=before)


def _next_before(times: Sequence[int]) -> int:
    """The second before which the next page begins: the page's oldest, or the one after it if the page may cut it.

    A page whose rows are all from one second ends that second, so that each page begins before the previous one.
    """
    oldest = min(times)
    return oldest + 1 if 1 < times.count(oldest) < len(times) else oldest


def window_of_scrobbles(scrobbles: Sequence[Scrobble], user_id: str, source: ListenSource) -> ListenWindow:
    """The window of valid ``scrobbles``, oldest first."""
    listens: dict[tuple[datetime, str], Listen] = {}
    tracks: dict[str, Track] = {}
    names: list[NamedPlay] = []
    others: dict[tuple[str, str, tuple[str, ...]], Track] = {}
    for each in scrobbles:
        track = each.track
        if track is None:
            names.append(_named(each, user_id, source))
            continue
        listens[each.started_at, track.track_id] = Listen(user_id, each.started_at, track.track_id, source)
        first = tracks.setdefault(track.track_id, track)
        if (first.name, first.artists) != (track.name, track.artists):
            others[track.track_id, track.name, track.artists] = track
    oldest = scrobbles[0].started_at if scrobbles else None
    return ListenWindow(
        tuple(listens.values()),
        tuple(tracks.values()),
        (),
        full=False,
        oldest_at=oldest,
        named=tuple(names),
        other_names=tuple(others.values()),
    )


def _named(scrobble: Scrobble, user_id: str, source: ListenSource) -> NamedPlay:
    return NamedPlay(
        user_id,
        scrobble.started_at,
        scrobble.artists[0],
        scrobble.title,
        source,
        recording_mbid=scrobble.recording_mbid,
        duration_ms=scrobble.duration_ms,
    )


def older_page(window: ListenWindow, moment: datetime, service: JsonService) -> ListenWindow:
    """``window``, the page before ``moment``, checked: a page that does not lead further back would repeat for ever.

    Raises:
        GarbledPayload: it is empty although older listens exist, or has no listen before ``moment``.
    """
    if window.history_starts_at is not None and window.history_starts_at >= moment:
        return replace(window, full=False)
    if window.full and (window.next_before is None or window.next_before >= moment):
        fault = "is empty" if window.next_before is None else "has no listen before the requested time"
        message = f"a page of {service.name} {fault}, although older listens exist; the next pull requests it again"
        raise GarbledPayload(message, source=service.source)
    return window
