"""Imports the scrobbles of an export of ListenBrainz or Last.fm, by the same rules as a pull."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from mood_core.domain.listen_window import AnyPlay, track_of
from mood_core.domain.records import ListenSource
from mood_core.domain.scrobbles import Scrobble
from mood_core.exports.outcomes import RowOutcome
from mood_core.scrobbles.window import window_of_scrobbles
from mood_core.store.queries.listens import ListenStore
from mood_core.usecases.imports.new_scrobbles import ids_of, new_scrobbles, period
from mood_core.usecases.imports.write import Writer
from mood_core.usecases.imports.write_scrobbles import write_scrobbles

_CHUNK = 50_000


def import_scrobbles(
    user_id: str,
    scrobbles: Sequence[Scrobble],
    source: ListenSource,
    stored: ListenStore,
    batches: Writer,
    *,
    to_the_minute: bool,
    now: datetime,
) -> tuple[Counter[RowOutcome], list[datetime]]:
    """Store what is new of ``scrobbles``; returns the outcomes, and the times of the new plays.

    Raises:
        StoreError: the database or the lake fails. Running it again continues it.
    """
    outcomes: Counter[RowOutcome] = Counter()
    times: list[datetime] = []
    carried: list[AnyPlay] = []  # a dry run stores nothing
    for chunk in _chunks(sorted(scrobbles, key=lambda scrobble: scrobble.started_at)):
        window = window_of_scrobbles(chunk, user_id, source)
        within = period(window)
        if within is None:
            continue
        known = [*stored.plays_between(user_id, *within, source=source), *carried]
        names = stored.named_otherwise(ids_of(window, known))
        new = new_scrobbles(window, source, known, names, to_the_minute=to_the_minute)
        new.outcomes[RowOutcome.DUPLICATE] += len(chunk) - len(window.listens) - len(window.named)
        tracks = {track.track_id: track for track in window.tracks}
        write_scrobbles(new, window, stored, batches, now=now)
        carried = [(listen, tracks[listen.track_id]) for listen in new.listens]
        carried += [(play, track_of(play)) for play in new.named]
        outcomes += new.outcomes
        times += new.times
    return outcomes, times


def _chunks(scrobbles: Sequence[Scrobble]) -> Iterator[Sequence[Scrobble]]:
    for start in range(0, len(scrobbles), _CHUNK):
        yield scrobbles[start : start + _CHUNK]
