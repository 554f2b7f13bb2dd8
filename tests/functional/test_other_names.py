"""A track under several names, from every source in any order: each play is stored once, and the names are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from random import Random

import pytest

from mood_core.app.import_export import import_export, match_names
from mood_core.app.workspace import Workspace
from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import Listen, ListenSource, Track
from mood_core.lake.schema import TRACK_NAMES
from mood_core.usecases.nightly.pull_listens import PullListens
from tests.exports import extended, music, track_id, unpacked

START = datetime(2026, 11, 18, 12, tzinfo=UTC)
NOW = START + timedelta(days=2)
LENGTH = timedelta(seconds=200)
ENDS = [START + timedelta(seconds=each) for each in (200, 402, 604, 4_000, 9_000)]
"""The ends of the plays: a loop of three, and two more."""

FIRST, OTHER = ("Song 1", "The Invented"), ("Lied 1", "Die Erfundenen")


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    with Workspace(now=lambda: NOW) as opened:
        yield opened


def _second(end: datetime, name: tuple[str, str]) -> dict[str, object]:
    title, artist = name
    names = {"master_metadata_track_name": title, "master_metadata_album_artist_name": artist}
    return extended(1, f"{end:%Y-%m-%dT%H:%M:%SZ}", 200_000, **names)


def _extended(workspace: Workspace, folder: Path) -> None:
    rows = [_second(end, OTHER if end == ENDS[-1] else FIRST) for end in ENDS]
    _import(workspace, unpacked(folder / "extended", {"Streaming_History_Audio_0.json": rows}))


def _account(workspace: Workspace, folder: Path) -> None:
    title, artist = OTHER
    rows = [music(title, f"{end:%Y-%m-%d %H:%M}", 200_000, artist=artist) for end in ENDS]
    _import(workspace, unpacked(folder / "account", {"StreamingHistory_music_0.json": rows}))


def _listenbrainz(workspace: Workspace, folder: Path) -> None:
    title, artist = OTHER
    info = {"spotify_id": f"https://open.spotify.com/track/{track_id(1)}", "duration_ms": 200_000}
    metadata = {"track_name": title, "artist_name": artist, "additional_info": info}
    rows = [{"listened_at": int((end - LENGTH).timestamp()), "track_metadata": metadata} for end in ENDS]
    _import(workspace, unpacked(folder / "listenbrainz", {"rows.json": rows}))


def _lastfm(workspace: Workspace, folder: Path) -> None:
    title, artist = OTHER
    times = [{"uts": str(int((end - LENGTH).timestamp()))} for end in ENDS]
    rows = [{"artist": {"#text": artist}, "name": title, "date": time} for time in times]
    _import(workspace, unpacked(folder / "lastfm", {"rows.json": rows}))


def _poll(workspace: Workspace, _folder: Path) -> None:
    title, artist = FIRST
    listens = tuple(Listen("local-ada", end, track_id(1), ListenSource.RECENTLY_PLAYED) for end in ENDS)
    tracks = (Track(track_id(1), title, (artist,), duration_ms=200_000),)

    class _Client:
        def recently_played(self) -> ListenWindow:
            return ListenWindow(listens, tracks, skipped=(), full=False, oldest_at=ENDS[0])

    pull = PullListens(lambda _: _Client(), workspace.listens, workspace.accounts, workspace.batches)
    assert pull(["local-ada"], now=NOW)[0].problem is None


SOURCES = (_extended, _account, _listenbrainz, _lastfm, _poll)


def _import(workspace: Workspace, folder: Path) -> None:
    import_export(workspace, [folder], user="ada", timezone="UTC")


def _stored_once(workspace: Workspace, folder: Path, order: Sequence[Callable[[Workspace, Path], None]]) -> None:
    for source in order:
        source(workspace, folder)
    match_names(workspace)
    with workspace.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT played_at_ms / 1000 FROM listens ORDER BY 1").scalars().all()
        pending = connection.exec_driver_sql("SELECT count(*) FROM named_plays WHERE track_key IS NULL").scalar()
        names = connection.exec_driver_sql("SELECT count(*) FROM track_names").scalar()
    expected = [int(end.timestamp()) for end in ENDS]
    assert (len(rows), pending, names) == (len(ENDS), 0, 2), (order, rows)
    assert all(abs(at - end) <= 200 for at, end in zip(rows, expected, strict=True)), order


@pytest.mark.parametrize(
    "order",
    [
        (_extended, _account),
        (_account, _extended),
        (_extended, _lastfm, _account),
        (_poll, _listenbrainz, _account),
        (_lastfm, _account, _poll, _extended),
        (_account, _lastfm, _poll, _listenbrainz, _extended),
    ],
)
def test_a_play_is_stored_once_whatever_its_track_is_called(
    workspace: Workspace, tmp_path: Path, order: Sequence[Callable[[Workspace, Path], None]]
) -> None:
    _stored_once(workspace, tmp_path, order)


@pytest.mark.slow
@pytest.mark.parametrize("order", Random(5).sample(list(permutations(SOURCES)), 12))
def test_a_play_is_stored_once_from_five_sources(
    workspace: Workspace, tmp_path: Path, order: Sequence[Callable[[Workspace, Path], None]]
) -> None:
    _stored_once(workspace, tmp_path, order)


def test_names_survive_rebuild_compaction_and_forgetting(workspace: Workspace, tmp_path: Path) -> None:
    for source in (_extended, _poll):
        source(workspace, tmp_path)
    before = _names(workspace)
    assert before == {("The Invented", "Song 1"), ("Die Erfundenen", "Lied 1")}
    workspace.rebuild()
    assert _names(workspace) == before
    assert not workspace.verify(deep=True).findings
    workspace.compact()
    workspace.forget("local-ada")
    assert _names(workspace) == before, "they describe a recording, as its track does"
    assert len(workspace.lake.paths(TRACK_NAMES.name)) == 1
    assert not workspace.verify(deep=True).findings


def _names(workspace: Workspace) -> set[tuple[str, str]]:
    with workspace.database.read() as connection:
        return {(row[0], row[1]) for row in connection.exec_driver_sql("SELECT artist, title FROM track_names")}
