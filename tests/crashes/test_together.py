"""Several runs at once: none undoes another's work, readers see every row once, no output mentions a lock."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from tests.crashes.driver import Crashes, outcome_of
from tests.crashes.homes import NOW, environment, settings_of
from tests.crashes.outcome import Outcome, differences
from tests.crashes.plays import Play, together
from tests.databases import postgres_database

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


def _side_by_side(plays: list[Play]) -> list[int]:
    """The exit codes; no output mentions a lock or has more than one sentence."""
    named = [dataclasses.replace(play, log=f"{play.log}.{number}") for number, play in enumerate(plays)]
    codes = [ended.code for ended in together(named)]
    for play, code in zip(named, codes, strict=True):
        said = Path(play.log).read_text(encoding="utf-8")
        assert "locked" not in said
        assert "Traceback" not in said, said[-3000:]
        assert code in (0, 75) or (code == 2 and "who was forgotten on" in said), said[-3000:]
    return codes


def _after(crashes: Crashes, database: str, *programs: str) -> Outcome:
    """What these programs leave one after the other."""
    with crashes.home("night", database) as (home, settings):
        for program in programs:
            assert crashes.play(program, home, settings, now=NOW).code == 0
        return outcome_of(settings)


@DATABASES
def test_nights_at_once_are_one_night(crashes: Crashes, database: str) -> None:
    with crashes.home("night", database) as (home, settings):
        assert _side_by_side([crashes.prepared("night", home, settings)] * 3) == [0, 0, 0]
        assert differences(crashes.undisturbed("night", database)[1], outcome_of(settings)) == []


@DATABASES
def test_imports_during_a_night_store_no_listen_twice(crashes: Crashes, database: str) -> None:
    """The same export twice, and polls of the same person, whose last window the export does not reach into."""
    with crashes.home("night", database) as (home, settings):
        plays = [crashes.prepared(program, home, settings) for program in ("import", "night", "import")]
        assert _side_by_side(plays) == [0, 0, 0]
        found = outcome_of(settings)
    assert differences(_after(crashes, database, "night", "import"), found) == []


@DATABASES
def test_two_hosts_with_paths_of_their_own_share_one_database(crashes: Crashes, tmp_path: Path, database: str) -> None:
    with crashes.home("night", database) as (home, settings):
        mounted = tmp_path / "mounted"
        mounted.symlink_to(home / "lake")
        here = crashes.prepared("night", home, settings, host="one")
        there = crashes.prepared("night", home, settings | {"MOODLOG_LAKE_URL": str(mounted)}, host="other")
        assert _side_by_side([here, there]) == [0, 0]
        assert differences(crashes.undisturbed("night", database)[1], outcome_of(settings)) == []


@DATABASES
def test_what_rewrites_the_lake_is_serialised(crashes: Crashes, database: str) -> None:
    """Compacting twice, rebuilding, verifying and labelling again during a night leave what they leave in turn."""
    with crashes.home("night", database) as (home, settings):
        plays = [crashes.prepared(program, home, settings) for program in ("compact", "night", "rebuild", "compact")]
        plays.append(dataclasses.replace(plays[0], words=["verify"]))
        assert _side_by_side(plays) == [0] * 5
        found = outcome_of(settings)
    assert differences(_after(crashes, database, "night", "compact"), found) == []


@DATABASES
def test_forgetting_during_everything_leaves_nothing_of_the_person(crashes: Crashes, database: str) -> None:
    with crashes.home("night", database) as (home, settings):
        programs = ("night", "compact", "import", "forget")
        codes = _side_by_side([crashes.prepared(program, home, settings) for program in programs])
        assert codes[:2] == [0, 0]
        if codes[3] == 75:  # it was being pulled for all of a minute
            assert crashes.play("forget", home, settings, now=NOW).code == 0
        person = crashes.standin.listeners[0].account_id
        found = outcome_of(settings)
        if codes[2] == 0 and any(person in row for row in found["SQL users"]):
            # The import came last and made the person again, from the export alone.
            assert all("recently_played" not in row for row in found["SQL listens"] if person in row)
        else:
            assert [row for rows in found.values() for row in rows if person in row] == []
        assert found["findings of verify"] == []


@contextmanager
def _watching(look: Callable[[], object]) -> Iterator[list[object]]:
    """``look`` again and again in a thread, for as long as the context lasts; what it saw, each thing once."""
    seen: list[object] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            try:
                found = look()
            except FileNotFoundError:  # listed, and replaced before it was opened: a reader lists again
                continue
            if found not in seen:
                seen.append(found)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


@DATABASES
def test_readers_see_every_row_once_while_the_lake_is_compacted_and_sql_made_again(
    crashes: Crashes, database: str
) -> None:
    with crashes.home("compact", database) as (home, settings), settings_of(settings), Workspace() as workspace:
        files = home / "lake" / "listens"

        def in_files() -> int:
            return sum(pq.read_metadata(path).num_rows for path in sorted(files.glob("month=*/[!.]*.parquet")))

        def in_sql() -> tuple[object, ...]:
            query = "SELECT count(*), count(mood), count(DISTINCT user_id) FROM mood_history"
            with workspace.database.read() as connection:
                return tuple(connection.execute(text(query)).one())

        with _watching(in_files) as counts, _watching(in_sql) as rows:
            for program in ("compact", "rebuild"):
                assert crashes.play(program, home, settings, now=NOW).code == 0
        assert len(counts) == 1
        assert len(rows) == 1


@DATABASES
def test_first_commands_at_once_make_one_schema(crashes: Crashes, tmp_path: Path, database: str) -> None:
    with postgres_database(crashes.postgres or "") as url:
        home = tmp_path / "new"
        settings = environment(home, crashes.standin, url if database == "postgresql" else None)
        plays = [Play(["users", "list"], settings, f"{home}.log", NOW)] * 6
        assert _side_by_side(plays) == [0] * 6
        assert outcome_of(settings)["findings of verify"] == []
