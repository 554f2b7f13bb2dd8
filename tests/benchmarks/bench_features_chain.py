"""What a history of 20,000 tracks costs in calls and time, against the stand-in over HTTP, whole and in two pieces.

Run it with ``python -m tests.benchmarks.bench_features_chain [TRACKS]``.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import islice

from mood_core.domain.records import Track
from mood_core.features.chain import fetch_features
from mood_core.features.fetch_report import FetchReport
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.features.registry import SourceParts, build_sources
from standin import StandIn
from tests.sealed import run_sealed
from tests.unit.features_fakes import Availability, Memory

TRACKS = 20_000
UNKNOWN_SHARE = 0.4
AT = datetime(2026, 11, 24, 3, tzinfo=UTC)


def _history(standin: StandIn, count: int) -> list[Track]:
    """``count`` tracks, of which the service does not know about ``UNKNOWN_SHARE`` by their id."""
    songs = [song for song in standin.world.catalogue.songs if not song.is_local][:count]
    strange = [song for n, song in enumerate(songs) if n % 10 < 10 * UNKNOWN_SHARE]
    odd = {song.track_id: f"{n:022d}" for n, song in enumerate(strange)}
    return [Track(odd.get(song.track_id, song.track_id), song.name, ("",), isrc=song.isrc) for song in songs]


def _walk(standin: StandIn, tracks: list[Track], memory: Memory, at: datetime, batches: int | None = None) -> str:
    standin.calls.clear()
    report = FetchReport()
    start = time.perf_counter()
    with ReccoBeatsClient(standin.reccobeats_url) as client:
        sources = build_sources(["reccobeats"], SourceParts(reccobeats=client))
        waiting = [track for track in tracks if track.track_id not in memory.found]
        run = fetch_features(waiting, sources, memory.past_misses, at, availability=Availability(), report=report)
        for result in islice(run, batches):
            memory.store(result)
    seconds = time.perf_counter() - start
    found = " + ".join(f"{count} {name}" for name, count in report.found.items())
    return f"{standin.calls.count()} calls, {seconds:.1f} s, found {found or 'nothing'}"


def main(count: int) -> None:
    """Measure and print."""
    with StandIn(listeners=1, catalogue_size=count) as standin:
        tracks = _history(standin, count)
        memory = Memory()
        sys.stdout.write(f"{len(tracks)} tracks, whole: {_walk(standin, tracks, memory, AT)}\n")
        sys.stdout.write(f"again at once: {_walk(standin, tracks, memory, AT + timedelta(hours=1))}\n")
        pieces = Memory()
        sys.stdout.write(f"stopped after 200 batches: {_walk(standin, tracks, pieces, AT, 200)}\n")
        sys.stdout.write(f"resumed: {_walk(standin, tracks, pieces, AT + timedelta(hours=1))}\n")
        sys.stdout.write(f"the same is known: {pieces.found.keys() == memory.found.keys()}\n")


if __name__ == "__main__":
    run_sealed(lambda: main(int(sys.argv[1]) if len(sys.argv) > 1 else TRACKS))
