"""``moodlog backup``: a folder that works as a home, taken while a run writes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS
from mood_core.processes import this_host
from mood_core.store import open_database
from mood_core.usecases.batches import Batches
from standin import StandIn
from tests.nights import connect_listeners, one_night, point_at, workspace_of
from tests.store_data import NOW, all_digests, listens, query, small_history


@pytest.fixture
def connected(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A home after a night, with its people's ids."""
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        one_night(workspace)
    return ids


@pytest.fixture
def writer(home: Path) -> Iterator[threading.Event]:
    """Listens that go on being written, batch by batch; the event is set once the first is stored."""
    with Workspace() as workspace:
        small_history(workspace.lake, workspace.database)
    begun, ended = threading.Event(), threading.Event()

    def write() -> None:
        with Workspace() as workspace:
            for number in range(10_000):
                if ended.is_set():
                    return
                at = NOW + timedelta(minutes=number)
                workspace.batches.add(LISTENS, listens([("ada", at, "t1")]), now=at)
                begun.set()

    thread = threading.Thread(target=write)
    thread.start()
    yield begun
    ended.set()
    thread.join()


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _backed_up(into: Path, *options: str) -> Path:
    into.mkdir(mode=0o700, exist_ok=True)
    done = _moodlog("backup", str(into), *options)
    assert done.exit_code == 0, done.output
    return Path(done.stdout.strip())


def test_a_copy_taken_while_a_run_writes_is_whole(writer: threading.Event, home: Path, tmp_path: Path) -> None:
    assert writer.wait(30)
    stored = "SELECT count(*) FROM listens"
    with closing(open_database(f"sqlite:///{home / 'moodlog.db'}")) as database:
        before = query(database, stored)
        copy = _backed_up(tmp_path / "backups")
        assert query(database, stored) > before, "something was written meanwhile"
    with closing(open_database(f"sqlite:///{copy / 'moodlog.db'}")) as copied:
        assert query(copied, stored) >= before
        # As the first run does: a file that was published after the database was copied is loaded.
        Batches(open_lake(str(copy / "lake")), copied).finish(now=NOW + timedelta(days=9), everywhere=True)
    _check_whole(copy)


def _check_whole(home: Path) -> None:
    done = CliRunner().invoke(main, ["verify", "--deep"], env={"MOODLOG_HOME": str(home)})
    assert done.exit_code == 0, done.output


def test_a_lost_home_is_as_it_was(connected: list[str], home: Path, tmp_path: Path, standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        track = workspace.answer_rows.to_ask(connected[0])[0].track_id
        workspace.answer(connected[0], track, "Happy|Calm")
    copy = _backed_up(tmp_path / "backups", "--with-key")
    with workspace_of(standin) as workspace:
        expected = all_digests(workspace.database)
    home.rename(tmp_path / "lost")
    copy.rename(home)
    with workspace_of(standin) as workspace:
        assert all_digests(workspace.database) == expected
        restored = workspace.answer_rows.latest(connected[0], track)
        assert restored is not None
        assert restored.answer == "Happy|Calm"
        standin.clock.advance(timedelta(hours=26))
        assert [outcome.problem for outcome in one_night(workspace).outcomes] == [None] * len(connected), "tokens work"
    _check_whole(home)


def test_the_key_stays_out_and_others_may_read_nothing(connected: list[str], home: Path, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir(mode=0o700)
    done = _moodlog("backup", str(tmp_path / "backups"), "--json")
    said = json.loads(done.stdout)
    copy = Path(said["folder"])
    assert said["key"] is False
    assert str(home / "token.key") in done.stderr
    assert not (copy / "token.key").exists()
    everything = [tmp_path / "backups", copy, *copy.rglob("*")]
    assert [path for path in everything if path.stat().st_mode & 0o077] == []
    assert said["files"] == len(list((copy / "lake").rglob("*.parquet"))) > 0


def test_what_a_killed_backup_left_goes_with_the_next(connected: list[str], tmp_path: Path) -> None:
    left = tmp_path / "backups" / f".moodlog-20260101T000000Z.999999999@{this_host()}@1.draft"
    left.mkdir(parents=True)
    (left / "moodlog.db").touch()
    copy = _backed_up(tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == [copy]


@pytest.mark.postgresql
def test_on_postgresql_the_lake_is_copied_and_pg_dump_named(
    home: Path, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", postgres_url)
    with Workspace() as workspace:
        small_history(workspace.lake, workspace.database)
    (tmp_path / "backups").mkdir(mode=0o700)
    done = _moodlog("backup", str(tmp_path / "backups"), "--json")
    assert "pg_dump" in done.stderr
    said = json.loads(done.stdout)
    assert said["database"] is False
    assert said["files"] > 0


def test_where_nothing_may_be_written_one_sentence_says_so(connected: list[str], tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = _moodlog("backup", str(tmp_path / "taken" / "below"))
    assert done.exit_code == 2
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr
