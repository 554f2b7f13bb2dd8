"""A full disk, read-only folders, a damaged database, a server that goes away, a clock that jumps.

Each ends in one sentence and its exit code, and the next undisturbed run leaves what was left without the fault.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine, make_url, text

from flows.server.local_server import local_server
from mood_core.app.workspace import Workspace
from tests.crashes.disks import small_disk
from tests.crashes.driver import LATER, Crashes, log_of, outcome_of, untold
from tests.crashes.homes import NOW, settings_of, standin_for_crashes
from tests.crashes.outcome import differences
from tests.crashes.plays import Play, in_a_process
from tests.crashes.programs import PROGRAMS
from tests.databases import PostgresServer, postgres_of_its_own

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

WITHOUT_A_SERVER = sorted(name for name, program in PROGRAMS.items() if not program.flow)


@pytest.mark.parametrize("number", range(len(WITHOUT_A_SERVER)), ids=WITHOUT_A_SERVER)
def test_a_refusal_of_the_disk_is_reported_in_one_sentence_and_costs_nothing(crashes: Crashes, number: int) -> None:
    """The disk is full, or the folders are read-only, from some step on; ``python -m tests.crashes`` tries many."""
    program, refusal = WITHOUT_A_SERVER[number], (errno.ENOSPC, errno.EROFS)[number % 2]
    database = ("sqlite", "postgresql")[number % 2]
    steps = crashes.undisturbed(program, database)[0]
    point = crashes.refused(program, database, Random(program).randint(1, steps), refusal)
    assert point.problems == (), str(point)


@pytest.mark.parametrize("program", ["night", "import", "compact", "rebuild", "forget"])
def test_a_full_disk_is_reported_in_one_sentence_and_costs_nothing(crashes: Crashes, program: str) -> None:
    """Lake and database lie on a small disk. First nothing fits on it any more, then a little; then there is room."""
    expected = crashes.undisturbed(program, "sqlite")[1]
    for room in (0, Random(program).randrange(100_000)):
        with crashes.home(program, "sqlite") as (home, settings), small_disk(Path(f"{home}-small")) as disk:
            shutil.copytree(home, disk.root, dirs_exist_ok=True)
            settings["MOODLOG_HOME"] = str(disk.root)
            disk.leave(room)
            ended = crashes.play(program, disk.root, settings, now=NOW)
            assert untold(ended, log_of(disk.root)) == []
            assert ended.code == 1 or room
            disk.grow()
            assert crashes.play(program, disk.root, settings, now=NOW + LATER).code == 0, log_of(disk.root)
            assert differences(expected, outcome_of(settings)) == []


def _moodlog(home: Path, settings: dict[str, str], *words: str) -> tuple[int, str]:
    code = in_a_process(Play(list(words), settings, f"{home}.log", NOW)).code
    return code, Path(f"{home}.log").read_text(encoding="utf-8")


def _page_of(table: str) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            (page,) = connection.execute(query, (table,)).fetchone()
        connection.close()
        with file.open("r+b") as content:
            content.seek((page - 1) * 4096)
            content.write(b"\xa5" * 4096)

    return damage


def _header(file: Path) -> None:
    with file.open("r+b") as content:
        content.write(b"\xa5" * 64)


def _cut(file: Path) -> None:
    with file.open("r+b") as content:
        content.truncate(file.stat().st_size // 3)


@pytest.mark.parametrize("damage", [_page_of("listens"), _page_of("moods"), _header, _cut])
def test_a_damaged_database_is_named_and_rebuild_heals_it(crashes: Crashes, damage: Callable[[Path], None]) -> None:
    expected = crashes.undisturbed("rebuild", "sqlite")[1]
    with crashes.home("rebuild", "sqlite") as (home, settings):
        damage(home / "moodlog.db")
        for command in ("doctor", "verify"):
            code, said = _moodlog(home, settings, command)
            assert code == 1
            assert "is damaged" in " ".join(said.split())
            assert "Traceback" not in said
        code, said = _moodlog(home, settings, "rebuild")
        assert code == 0, said
        (away,) = home.glob("moodlog.db.damaged-*Z")
        found = outcome_of(settings)
        # What is nowhere but in SQL is learnt again: which weights a version stands for, which source refuses, and for
        # which settings the next run computes the times in the queue of tracks.
        gone = ["SQL models", "SQL _source_availability", "SQL _done_until", "SQL _feature_queue_rules"]
        if "no account could be read" in said:  # people connect again
            gone += ["SQL _accounts", "tokens"]
        for name in set(gone) & expected.keys():
            found[name] = expected[name]
        found["files"] = [name for name in found["files"] if away.name not in name]
        assert differences(expected, found) == []


def test_the_accounts_of_a_damaged_database_are_kept_where_they_can_be_read(crashes: Crashes) -> None:
    with crashes.home("rebuild", "sqlite") as (home, settings):
        _page_of("moods")(home / "moodlog.db")
        code, said = _moodlog(home, settings, "rebuild")
        assert (code, "no account" in said) == (0, False)
        with settings_of(settings), Workspace() as workspace:
            assert {account.state for account in workspace.accounts.all()} == {"active"}


def _let_in(server: str, name: str, *, yes: bool) -> None:
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {yes}"))
        if not yes:
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(end), {"name": name})
    admin.dispose()


@pytest.mark.parametrize("program", ["night", "import", "rebuild", "forget"])
def test_postgresql_that_stops_in_mid_load_is_waited_for(crashes: Crashes, program: str) -> None:
    """Its connections break and no new one is let in; later it is there again."""
    steps, expected = crashes.undisturbed(program, "postgresql")
    with crashes.home(program, "postgresql") as (home, settings):
        url = settings["MOODLOG_DATABASE_URL"]
        server, name = crashes.postgres or "", make_url(url).database or ""
        step = Random(program).randint(steps // 4, steps)
        ended = crashes.play(
            program, home, settings, now=NOW, halt_at=step, meanwhile=partial(_let_in, server, name, yes=False)
        )
        _let_in(server, name, yes=True)
        assert untold(ended, log_of(home)) == []
        assert ended.code == 75
        assert crashes.play(program, home, settings, now=NOW + LATER).code == 0, log_of(home)
        assert differences(expected, outcome_of(settings)) == []


@pytest.fixture(scope="module")
def server_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PostgresServer, Crashes]]:
    """A PostgreSQL server that may be stopped, and homes of which the database lies there."""
    with postgres_of_its_own() as server, standin_for_crashes() as standin:
        crashes = Crashes(tmp_path_factory.mktemp("stopped"), standin, server.url)
        yield server, crashes
        crashes.close()


@pytest.mark.parametrize(
    ("program", "is_back"), [("night", True), ("night", False), ("import", True), ("rebuild", False)]
)
def test_a_postgresql_server_that_is_stopped_in_mid_load_and_started_again_has_lost_nothing(
    server_of_its_own: tuple[PostgresServer, Crashes], program: str, is_back: bool
) -> None:
    """It ends as by a power cut, and is there again before the run's next statement, or when the run is over."""
    server, crashes = server_of_its_own
    steps, expected = crashes.undisturbed(program, "postgresql")

    stop = partial(_restart, server) if is_back else server.stop
    with crashes.home(program, "postgresql") as (home, settings):
        step = Random(f"{program} {is_back}").randint(steps // 4, steps * 3 // 4)
        ended = crashes.play(program, home, settings, now=NOW, halt_at=step, meanwhile=stop)
        if not is_back:
            server.start()
        assert untold(ended, log_of(home)) == []
        assert ended.code == 75 or is_back
        assert crashes.play(program, home, settings, now=NOW + LATER).code == 0, log_of(home)
        assert differences(expected, outcome_of(settings)) == []


def test_the_nightly_flow_goes_on_by_itself_when_postgresql_was_restarted(
    server_of_its_own: tuple[PostgresServer, Crashes], tmp_path: Path
) -> None:
    """Prefect tries again: in the morning the night looks like any other."""
    server, crashes = server_of_its_own
    expected = crashes.undisturbed("night", "postgresql")[1]
    with local_server(tmp_path / "prefect") as prefect, crashes.home("run", "postgresql") as (home, settings):
        prefect.wait_until_ready()
        settings.update(prefect.client_environment)
        ended = crashes.play(
            "run", home, settings, now=NOW, halt_at=_AMIDST_THE_FLOW, meanwhile=partial(_restart, server)
        )
        assert (ended.code, ended.steps > _AMIDST_THE_FLOW) == (0, True), log_of(home)
        assert "Traceback" not in log_of(home)
        found = outcome_of(settings)
        found["SQL _done_until"] = [row for row in found["SQL _done_until"] if "flow run-nightly" not in row]
        assert differences(expected, found) == []


_AMIDST_THE_FLOW = 600  # of some thousand steps


def _restart(server: PostgresServer) -> None:
    server.stop()
    server.start()


@pytest.mark.parametrize("jump", [timedelta(days=-40), timedelta(hours=-2), timedelta(days=40)], ids=str)
def test_a_clock_that_jumps_and_comes_back_costs_nothing(crashes: Crashes, jump: timedelta) -> None:
    """One run lives by a wrong clock and is killed after half of its steps; the next ones live by the right one."""
    steps, expected = crashes.undisturbed("night", "sqlite")
    with crashes.home("night", "sqlite") as (home, settings):
        crashes.play("night", home, settings, now=NOW + jump, kill_at=steps * 3 // 4)
        assert crashes.play("night", home, settings, now=NOW + jump + LATER).code == 0, log_of(home)
        for number in range(2):
            assert crashes.play("night", home, settings, now=NOW + (2 + number) * LATER).code == 0, log_of(home)
        found = outcome_of(settings)
        for name in (
            "SQL feature_misses",
            "lake feature_misses",
        ):  # which tracks are asked for again is a matter of time
            found[name] = expected[name]
        assert differences(expected, found) == []
