"""A play's identity survives revised values: other times and other ids of the same plays add no listen and no gap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import Listen, ListenSource, Track
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import LISTENS, USERS
from mood_core.usecases.nightly.pull_account import pull_leased
from mood_core.usecases.nightly.pull_listens import PullListens
from standin import Fault, FaultKind, StandIn
from tests.conftest import NOW
from tests.exports import extended, music, track_id
from tests.nights import connect_listeners, contents, point_at, workspace_of
from tests.store_data import users

REVISIONS = [(1, None), (1_000, "isrc"), (180_000, None), (180_000, "name"), (-180_000, "isrc"), (0, "name")]
"""(shift [ms], what other track ids share with the old ones)."""


@pytest.fixture
def workspace(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The stand-in's listeners, connected and pulled once."""
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        _pull(workspace)
        yield workspace


def _pull(workspace: Workspace) -> None:
    pull = PullListens(workspace.spotify.for_user, workspace.listens, workspace.accounts, workspace.batches)
    ids = [account.user_id for account in workspace.accounts.all()]
    assert not any(outcome.problem for outcome in pull_leased(ids, pull, workspace.accounts, workspace.now))


@pytest.mark.parametrize(("shift_ms", "relinked_by"), REVISIONS)
def test_a_revised_window_adds_no_listen_and_no_gap(
    workspace: Workspace, standin: StandIn, shift_ms: int, relinked_by: str | None
) -> None:
    before = contents(workspace)
    assert len(before["listens"]) > 100
    standin.faults.add(
        Fault(FaultKind.REVISED_WINDOW, "recently_played", times=None, shift_ms=shift_ms, relinked_by=relinked_by)
    )
    _pull(workspace)
    assert contents(workspace)["listens"] == before["listens"]
    assert contents(workspace)["gaps"] == []
    standin.faults.clear()
    _pull(workspace)
    assert contents(workspace) == before


def test_windows_that_are_revised_from_now_on_still_show_every_new_play(workspace: Workspace, standin: StandIn) -> None:
    """New plays after revised ones are stored once, and a rebuilt database has the same listens."""
    standin.faults.add(
        Fault(FaultKind.REVISED_WINDOW, "recently_played", times=None, shift_ms=180_000, relinked_by="isrc")
    )
    for _ in range(8):
        standin.clock.advance(timedelta(hours=3))
        _pull(workspace)
    stored = contents(workspace)
    for listener in standin.listeners:
        truth = standin.truth(listener.listener_id, NOW - timedelta(days=30), standin.clock.now())
        visible = [listen for listen in truth if listen.visible_at <= standin.clock.now()]
        first = sum(listen.visible_at <= NOW for listen in visible)
        mine = [row for row in stored["listens"] if row[0] == listener.account_id]
        assert len(mine) == len(visible) - max(0, first - 50)
    assert stored["gaps"] == []
    workspace.rebuild()
    assert contents(workspace)["listens"] == stored["listens"]


PLAYED = [NOW - timedelta(days=1) + timedelta(seconds=400 * number) for number in range(12)]
"""The ends of plays of 200 s."""


def _import(folder: Path, rows: list[dict[str, Any]], user: str = "ada") -> dict[str, int]:
    folder.mkdir(parents=True)
    (folder / "Streaming_History_Audio_0.json").write_text(json.dumps(rows), encoding="utf-8")
    done = CliRunner().invoke(main, ["import", str(folder), "--user", user, "--timezone", "UTC", "--json"])
    assert done.exit_code == 0, done.output
    outcomes: dict[str, int] = json.loads(done.stdout)["outcomes"]
    assert sum(outcomes.values()) == len(rows)
    return outcomes


def _second(number: int, at: datetime, *, relinked: bool = False) -> dict[str, Any]:
    other = {"spotify_track_uri": f"spotify:track:{track_id(90 + number)}"} if relinked else {}
    return extended(number, f"{at:%Y-%m-%dT%H:%M:%SZ}", **other)


def _minute(number: int, at: datetime) -> dict[str, Any]:
    return music(f"Song {number}", f"{at:%Y-%m-%d %H:%M}")


@pytest.mark.parametrize("shift", [timedelta(0), timedelta(seconds=1), timedelta(minutes=3)], ids=str)
def test_a_later_export_with_other_times_and_ids_adds_nothing(home: Path, shift: timedelta) -> None:
    """The song repeats at once; the later export has one play more."""
    rows = [_second(number % 4 // 2, at) for number, at in enumerate(PLAYED)]
    assert _import(home / "first", rows) == {"imported": len(PLAYED)}
    again = [_second(number % 4 // 2, at + shift, relinked=True) for number, at in enumerate(PLAYED)]
    new = _second(3, PLAYED[-1] + timedelta(hours=1))
    assert _import(home / "later", [*again, new]) == {"imported": 1, "already_imported": len(PLAYED)}
    assert _import(home / "repeated", [*again, new, new]) == {
        "already_imported": len(PLAYED) + 1,
        "duplicate": 1,
    }


@pytest.mark.parametrize(("form", "outcome"), [(_second, "same_listen"), (_minute, "already_imported")])
def test_account_data_with_times_a_minute_later_adds_nothing(home: Path, form: Any, outcome: str) -> None:
    rows = [form(number % 4 // 2, at) for number, at in enumerate(PLAYED)]
    known = [_second(number, PLAYED[0] - timedelta(days=99)) for number in range(2)]
    assert _import(home / "first", [*known, *rows])["imported"] == len(rows) + len(known)
    again = [_minute(number % 4 // 2, at + timedelta(minutes=1)) for number, at in enumerate(PLAYED)]
    assert _import(home / "later", again) == {outcome: len(PLAYED)}


def test_true_repeats_of_a_song_in_two_exports_are_kept(home: Path) -> None:
    """One export ends where the other begins, in the middle of a loop."""
    loop = [PLAYED[0] + timedelta(seconds=200 * number) for number in range(8)]
    assert _import(home / "first", [_second(1, at) for at in loop[:4]]) == {"imported": 4}
    assert _import(home / "second", [_second(1, at) for at in loop[4:]]) == {"imported": 4}
    assert _import(home / "minutes", [_minute(1, at) for at in loop]) == {"same_listen": 8}


def _polled(workspace: Workspace, ends: list[datetime], numbers: list[int]) -> tuple[int, bool]:
    """Pull a window with plays that end at ``ends``; returns the number of new listens, and whether there is a gap."""
    listens = tuple(
        Listen("local-ada", at, track_id(number + 50), ListenSource.RECENTLY_PLAYED)
        for at, number in zip(ends, numbers, strict=True)
    )
    tracks = tuple(
        Track(track_id(number + 50), f"Song {number}", ("The Invented",), duration_ms=200_000)
        for number in sorted(set(numbers))
    )
    window = ListenWindow(listens, tracks, (), full=False, oldest_at=listens[0].played_at)
    pull = PullListens(lambda _: _Window(window), workspace.listens, workspace.accounts, workspace.batches)
    outcome = pull(["local-ada"], now=NOW)[0]
    return outcome.new, outcome.gap


@dataclass
class _Window:
    window: ListenWindow

    def recently_played(self) -> ListenWindow:
        return self.window


SONGS = [number % 4 // 2 for number in range(len(PLAYED))]
"""Each song is played twice, one play after the other."""


@pytest.mark.parametrize(("form", "minutes"), [(_second, -3), (_second, 3), (_minute, 3)])
def test_a_play_that_an_export_has_is_stored_once_whatever_time_a_poll_gives_it(
    home: Path, form: Any, minutes: int
) -> None:
    """In both orders; a play that only the poll has, and a repeat that only the export has, stay."""
    ends = [PLAYED[0] + timedelta(seconds=200 * number) for number in range(len(PLAYED))]
    revised = [at + timedelta(minutes=minutes) for at in ends]
    rows = [form(number, at) for number, at in zip(SONGS, ends, strict=True)]
    known = [_second(number, PLAYED[0] - timedelta(days=9)) for number in (0, 1, 3)]
    assert _import(home / "export", [*known, *rows])["imported"] == len(known) + len(rows)
    new = ends[-1] + timedelta(hours=1)
    with Workspace() as workspace:
        assert _polled(workspace, ends, SONGS) == (0, False)
        assert _polled(workspace, [*revised, new], [*SONGS, 3]) == (1, False)
        workspace.batches.add(USERS, users(("grace", "UTC")), now=NOW)
        polled = [
            Listen("grace", at, track_id(number), ListenSource.RECENTLY_PLAYED)
            for number, at in zip(SONGS, revised, strict=True)
        ]
        workspace.batches.add(LISTENS, to_table(LISTENS, polled), now=NOW)
    around = [_second(3, PLAYED[0] - timedelta(hours=1)), _second(3, new), _second(3, new + timedelta(seconds=200))]
    assert _import(home / "later", [*around, *rows], "grace") == {"imported": 3, "known_from_polling": len(rows)}
