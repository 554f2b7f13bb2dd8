"""Tracks of the stand-in's catalogue that nobody has heard, and how often a service was asked for each."""

from __future__ import annotations

from collections import Counter
from urllib.parse import parse_qs

from mood_core.app.workspace import Workspace
from mood_core.domain.records import Track
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import TRACKS
from standin import StandIn


def add_tracks(workspace: Workspace, standin: StandIn, count: int) -> None:
    """Add tracks without recording codes, so that only calls by id are counted: none has another release."""
    songs = standin.world.catalogue.songs[:count]
    rows = [Track(song.track_id, song.name, ("x",), duration_ms=song.duration_ms) for song in songs]
    workspace.batches.add(TRACKS, to_table(TRACKS, rows), now=workspace.now())


def add_recordings(workspace: Workspace, standin: StandIn, count: int) -> None:
    """Add two tracks of each of some recordings that ReccoBeats knows by ISRC alone, far from each other.

    The ISRC of every other track is not known.
    """
    releases = list(standin.world.catalogue.by_isrc.values())[:count]
    ids = [f"{number:04}{release[0].track_id[4:]}" for number, release in enumerate(2 * releases)]
    rows = [
        Track(id_, "x", ("x",), isrc=release[0].isrc if number % 2 else None)
        for number, (id_, release) in enumerate(zip(ids, 2 * releases, strict=True))
    ]
    workspace.batches.add(TRACKS, to_table(TRACKS, rows), now=workspace.now())


def asked(standin: StandIn, endpoint: str = "reccobeats_audio_features") -> Counter[str]:
    """How often each id was in a call for audio features, or in another call."""
    calls = standin.calls.entries(endpoint)
    return Counter(id_ for call in calls for id_ in parse_qs(call.query)["ids"][0].split(","))
