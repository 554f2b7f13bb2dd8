"""What holds for every export: outcomes add up, repeating changes nothing, and neither order nor packing matters."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from mood_core.app.import_export import import_export, match_names
from mood_core.app.workspace import Workspace
from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import Listen, ListenSource, Track
from mood_core.exports.parse_row import ImportFilter
from mood_core.settings import Settings
from mood_core.usecases.imports.import_export import ImportReport
from mood_core.usecases.nightly.pull_listens import PullListens
from tests.exports import (
    Row,
    chapter,
    early,
    episode,
    extended,
    lost,
    music,
    of_2018,
    of_2020,
    of_2021,
    track_id,
    unpacked,
    zipped,
)
from tests.nights import contents

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = datetime(2026, 11, 18, 12, tzinfo=UTC)
_TEMPLATE: list[bytes] = []


@contextmanager
def _workspace() -> Iterator[tuple[Workspace, Path]]:
    """A new workspace, with a migrated database, and a folder for exports."""
    with TemporaryDirectory() as folder:
        database = Path(folder, "moodlog.db")
        if _TEMPLATE:
            database.write_bytes(_TEMPLATE[0])
        mine = Settings(home=Path(folder), database_url=SecretStr(f"sqlite:///{database}"))
        with Workspace(mine, now=lambda: NOW) as workspace:
            assert workspace.accounts.all() == []
            if not _TEMPLATE:
                workspace.database.close()
                _TEMPLATE.append(database.read_bytes())
            yield workspace, Path(folder, "exports")


def _import(workspace: Workspace, *paths: Path) -> ImportReport:
    report = import_export(workspace, paths, user="ada", timezone="UTC", row_filter=ImportFilter(min_ms=0))
    assert sum(report.outcomes.values()) == report.rows_read
    return report


def _listens(workspace: Workspace) -> list[tuple[Any, ...]]:
    return contents(workspace)["listens"]


moments = st.builds(lambda seconds: f"{START + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}", st.integers(0, 400))
minutes = st.builds(lambda minute: f"{START + timedelta(minutes=minute):%Y-%m-%d %H:%M}", st.integers(0, 7))
seconds = st.builds(lambda second: f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}", st.integers(0, 400))
heard = st.sampled_from([0, 1_000, 61_000, 200_000])
titles = st.sampled_from(["Song 1", "Song 2", "Song 1 - Remastered 2011", "Other"])
rows = st.one_of(
    st.builds(extended, st.integers(1, 4), moments, heard),
    st.builds(lambda *row: of_2021(extended(*row)), st.integers(1, 4), moments, heard),
    st.builds(lambda *row: of_2020(extended(*row)), st.integers(1, 4), moments, heard),
    st.builds(lambda *row: of_2018(extended(*row)), st.integers(1, 4), moments, heard),
    st.builds(music, titles, minutes, heard),
    st.builds(early, titles, seconds),
    st.builds(lambda title, end: music(title, end) | {"msPlayed": None}, titles, minutes),
    st.sampled_from([episode(1), chapter(1), lost(), 17, extended(1, ts="never")]),
)


@given(st.lists(rows, min_size=1, max_size=30), st.lists(st.integers(0, 5), min_size=30, max_size=30))
@settings(max_examples=120, deadline=None)
def test_packing_changes_nothing_and_repeating_changes_nothing(given_rows: list[Any], places: list[int]) -> None:
    with _workspace() as (workspace, folder):
        whole = unpacked(folder, {"Streaming_History_Audio_0.json": given_rows})
        report = _import(workspace, whole)
        stored = contents(workspace)
        assert len(stored["listens"]) == report.outcomes["imported"]
        again = _import(workspace, whole)
        assert again.seen_before or report.outcomes["unmatched"]  # plays that may find their track are read again
        repacked = _import(workspace, *_split(folder / "again", given_rows, places))
        assert contents(workspace) == stored
        for other in (again, repacked):
            assert other.outcomes["imported"] == other.outcomes["unmatched"] == 0
            for outcome in ("podcast", "audiobook", "no_uri", "malformed", "duplicate"):
                assert other.outcomes[outcome] == report.outcomes[outcome]
    with _workspace() as (workspace, folder):
        split = _import(workspace, *_split(folder, given_rows, places))
        assert split.outcomes == report.outcomes
        assert contents(workspace) == stored


def _split(folder: Path, given_rows: Sequence[Any], places: Sequence[int]) -> list[Path]:
    """``given_rows`` spread over three zips of two files each."""
    files: dict[int, list[Any]] = {place: [] for place in range(6)}
    for row, place in zip(given_rows, places, strict=False):
        files[place].append(row)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        zipped(folder / f"{number}.zip", {f"a/endsong_{half}.json": files[2 * number + half] for half in (0, 1)})
        for number in range(3)
    ]


@dataclass(frozen=True)
class Heard:
    """A play as it truly was. ``is_copy``: the track has two addresses, and this play is reported under the second.

    ``at_end``: a record with one time and no duration has the time of the end, not of the start.
    """

    song: int
    start: datetime
    ms: int
    is_copy: bool
    at_end: bool

    @property
    def end(self) -> datetime:
        return self.start + timedelta(milliseconds=self.ms)

    @property
    def track(self) -> int:
        return self.song + (10 if self.is_copy else 0)

    def second(self) -> Row:
        title = {"master_metadata_track_name": f"Song {self.song}"}
        return extended(self.track, f"{self.end:%Y-%m-%dT%H:%M:%SZ}", self.ms, **title)

    def minute(self) -> Row:
        return music(f"Song {self.song}", f"{self.end:%Y-%m-%d %H:%M}", self.ms)

    @property
    def reported_at(self) -> datetime:
        return self.end if self.at_end else self.start

    def early(self) -> Row:
        return early(f"Song {self.song}", f"{self.reported_at:%Y-%m-%d %H:%M:%S}")

    def polled(self) -> Listen:
        at = self.reported_at.replace(microsecond=self.reported_at.microsecond // 1000 * 1000)
        return Listen("local-ada", at, track_id(self.track), ListenSource.RECENTLY_PLAYED)


@st.composite
def evenings(draw: st.DrawFn) -> list[Heard]:
    """Plays one after the other, none of a song that was played just before."""
    plays: list[Heard] = []
    at = START
    for song in draw(st.lists(st.integers(1, 5), min_size=1, max_size=14)):
        at += timedelta(milliseconds=draw(st.integers(0, 400_000)))
        ms = draw(st.integers(61_000, 400_000))
        if all(play.song != song for play in plays[-2:]):
            plays.append(Heard(song, at, ms, draw(st.booleans()), draw(st.booleans())))
            at += timedelta(milliseconds=ms)
    return plays


def _poll(workspace: Workspace, plays: Sequence[Heard]) -> None:
    listens = tuple(sorted((play.polled() for play in plays), key=lambda listen: listen.played_at))
    tracks = tuple(Track(track_id(play.track), f"Song {play.song}", ("The Invented",), None, 1) for play in plays)

    class _Client:
        def recently_played(self) -> ListenWindow:
            return ListenWindow(listens, tracks, skipped=(), full=False, oldest_at=None)

    pull = PullListens(lambda _: _Client(), workspace.listens, workspace.accounts, workspace.batches)
    assert pull(["local-ada"], now=NOW)[0].problem is None


# Polls began years after account data had durations; two plays without a duration cannot be identified as one.
orders = st.permutations(["second", "minute", "poll"]) | st.permutations(["second", "minute", "early"])


@given(st.lists(st.integers(61_000, 400_000), min_size=2, max_size=9), orders, st.booleans())
@settings(max_examples=25, deadline=None, report_multiple_bugs=False)
def test_a_song_in_a_loop_keeps_a_listen_for_every_time(lengths: list[int], order: list[str], at_end: bool) -> None:
    starts = [START + timedelta(milliseconds=sum(lengths[:number])) for number in range(len(lengths))]
    loop = [Heard(1, start, ms, is_copy=False, at_end=at_end) for start, ms in zip(starts, lengths, strict=True)]
    with _workspace() as (workspace, folder):
        for source in order:
            _report_plays(workspace, folder, source, loop)
        match_names(workspace)
        assert len(_listens(workspace)) == len(loop)


def _report_plays(workspace: Workspace, folder: Path, source: str, plays: Sequence[Heard]) -> None:
    if source == "poll":
        _poll(workspace, plays)
    else:
        export = [getattr(play, source)() for play in plays]
        _import(workspace, unpacked(folder / source, {f"endsong_{source}.json": export}))


@given(evenings(), orders, st.data())
@settings(max_examples=60, deadline=None, report_multiple_bugs=False)
def test_a_play_is_one_listen_from_any_source_and_in_any_order(
    plays: list[Heard], order: list[str], data: st.DataObject
) -> None:
    by_source = {source: data.draw(st.lists(st.sampled_from(plays), unique=True), label=source) for source in order}
    with _workspace() as (workspace, folder):
        for source in order:
            if by_source[source]:
                _report_plays(workspace, folder, source, by_source[source])
        match_names(workspace)
        songs = {play.song for play in (*by_source["second"], *by_source.get("poll", ()))}
        everything = {play for some in by_source.values() for play in some}
        expected = Counter(play.song for play in everything if play.song in songs)
        found = Counter(int(row[2]) % 10 for row in _listens(workspace))
        assert found == expected
        named = [play for source in ("minute", "early") for play in by_source.get(source, ())]
        assert len(_waiting(workspace)) == sum(play.song not in songs for play in named)
        again = shutil.copytree(folder, folder.parent / "copied", dirs_exist_ok=True) if folder.exists() else None
        if again:
            stored = contents(workspace)
            _import(workspace, again)
            match_names(workspace)
            assert contents(workspace) == stored
        # All that waited become listens once their songs are known, repeated plays only once.
        ever = [extended(number, "2020-01-01T00:00:00Z") for number in range(1, 6)]
        _import(workspace, unpacked(folder / "ever", {"endsong_0.json": ever}))
        match_names(workspace)
        assert _waiting(workspace) == []
        assert len(_listens(workspace)) == len(everything) + len(ever)


def test_a_window_may_name_both_ids_of_a_song() -> None:
    """The later play was kept under the song's first id; the poll reports it under the second, beside the first."""
    first = Heard(1, START, 61_000, is_copy=False, at_end=False)
    later = Heard(1, START + timedelta(minutes=3), 61_000, is_copy=True, at_end=False)
    with _workspace() as (workspace, folder):
        for source, plays in (("second", [first]), ("minute", [first, later]), ("poll", [first, later])):
            _report_plays(workspace, folder, source, plays)
        assert len(_listens(workspace)) == 2


def _waiting(workspace: Workspace) -> list[Any]:
    with workspace.database.read() as connection:
        return list(connection.exec_driver_sql("SELECT 1 FROM named_plays WHERE track_key IS NULL"))


def test_the_pending_plays_of_one_minute_stay_apart() -> None:
    export = [music("Song 1", ms=1_000), music("Song 1", ms=2_000), music("Song 1", ms=30_000)]
    with _workspace() as (workspace, folder):
        _import(workspace, unpacked(folder / "a", {"StreamingHistory0.json": export}))
        _import(workspace, unpacked(folder / "b", {"endsong_0.json": [extended(1, "2020-01-01T00:00:00Z")]}))
        assert match_names(workspace) == 3
        later = _listens(workspace)
    with _workspace() as (workspace, folder):
        _import(workspace, unpacked(folder / "b", {"endsong_0.json": [extended(1, "2020-01-01T00:00:00Z")]}))
        _import(workspace, unpacked(folder / "a", {"StreamingHistory0.json": export}))
        assert _listens(workspace) == later
    assert len(later) == 4
