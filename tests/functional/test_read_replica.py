"""Pages and reports read a real streaming replica; what the replica cannot serve comes from the main database."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url

from flows.cli import main as command_line
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Listen, ListenSource
from mood_core.errors import ConfigError, StoreError
from mood_core.lake import schema
from mood_core.lake.arrow_tables import to_table
from mood_core.settings import Settings
from mood_core.store.engine.database import open_database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.replica import ReadReplica
from mood_core.usecases.upkeep.check_health import Level
from mood_core.usecases.upkeep.check_replica import replica_findings
from tests.databases import PostgresServer, postgres_database, postgres_of_its_own, postgres_replica
from tests.report_history import NOW, add_history
from tests.served_pages import served

pytestmark = pytest.mark.postgresql

_TRACK = f"{1:022d}"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_of_its_own() as running:
        yield running


@pytest.fixture(scope="module")
def standby(server: PostgresServer) -> Iterator[PostgresServer]:
    with postgres_replica(server) as running:
        yield running


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    with postgres_database(server.url) as made:
        yield made


@pytest.fixture
def replica_url(url: str, standby: PostgresServer) -> Iterator[str]:
    yield make_url(standby.url).set(database=make_url(url).database).render_as_string(hide_password=False)
    _on(standby, "SELECT pg_wal_replay_resume()")


@pytest.fixture
def space(tmp_path: Path, url: str, replica_url: str) -> Iterator[Workspace]:
    """A workspace with a history, whose replica has all of it."""
    with _workspace(tmp_path, url, replica_url) as made:
        add_history(made, 60)
        _wait_for_replica(made)
        yield made


def _workspace(home: Path, url: str, replica_url: str) -> Workspace:
    urls = SecretStr(url), SecretStr(replica_url)
    settings = Settings(home=home, database_url=urls[0], read_database_url=urls[1], read_max_lag_s=3600)
    return Workspace(settings, now=lambda: NOW)


def _replica_of(space: Workspace) -> ReadReplica:
    assert isinstance(space.reading, ReadReplica)
    return space.reading


def _wait_for_replica(space: Workspace) -> None:
    position = space.database.rows(query("database_position"))[0].position
    replica = make_url(str(space.settings.read_database_url and space.settings.read_database_url.get_secret_value()))
    server = replica.set(database="postgres").render_as_string(hide_password=False)
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        deadline = time.monotonic() + 120
        while not connection.scalar(query("has_replayed"), {"position": position}):
            assert time.monotonic() < deadline, "the replica does not follow the main database"
            time.sleep(0.01)
    engine.dispose()


def _on(standby: PostgresServer, statement: str) -> None:
    engine = create_engine(standby.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def _heard(space: Workspace) -> int:
    return int(space.reading.scalar(query("count_rows", table="listens")))


def _add_listen(space: Workspace) -> None:
    listen = Listen("ada", NOW, _TRACK, ListenSource.EXTENDED_HISTORY)
    space.batches.add(schema.LISTENS, to_table(schema.LISTENS, [listen]), now=NOW)


def test_readers_read_the_replica_and_see_their_own_writes(
    space: Workspace, url: str, standby: PostgresServer, tmp_path: Path
) -> None:
    assert _heard(space) == 60
    _on(standby, "SELECT pg_wal_replay_pause()")
    with Workspace(Settings(home=tmp_path, database_url=SecretStr(url)), now=lambda: NOW) as other:
        _add_listen(other)
        assert _heard(other) == 61
    assert _heard(space) == 60  # the write of another process arrives with the replica
    space.answer("ada", _TRACK, "Sad")
    assert _heard(space) == 61  # the replica does not have the own answer, so the main database is read
    _on(standby, "SELECT pg_wal_replay_resume()")
    _wait_for_replica(space)
    assert _heard(space) == 61


def test_a_page_after_an_answer_shows_the_answer(space: Workspace, standby: PostgresServer) -> None:
    with served(space) as pages:
        address = f"/api/people/ada/tracks/{_TRACK}"
        assert pages.client.get(address).json()["label"]["mood"] == "Energetic"
        _on(standby, "SELECT pg_wal_replay_pause()")
        form = {"form_token": pages.access.form_token(), "answer": "Sad"}
        answered = pages.client.post(f"/~ada/track/{_TRACK}", data=form)
        assert "Your answer" in pages.client.get(answered.headers["location"]).text
        assert pages.client.get(address).json()["label"]["mood"] == "Sad"


def test_a_replica_that_is_behind_or_down_is_replaced_by_the_main_database(
    space: Workspace, url: str, replica_url: str, standby: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    with (
        closing(open_database(url)) as main,
        closing(ReadReplica(replica_url, main, most_behind_s=0.01, clock=lambda: now[0])) as reading,
        caplog.at_level(logging.INFO),
    ):
        assert replica_findings(reading)[0].level is Level.OK
        _on(standby, "SELECT pg_wal_replay_pause()")
        _add_listen(space)
        assert reading.scalar(query("count_rows", table="listens")) == 61
        assert "behind; check that replication runs" in caplog.text
        late = replica_findings(reading)[0]
        assert late.level is Level.WARNING
        assert "MOODLOG_READ_DATABASE_URL" in late.remedy
        _on(standby, "SELECT pg_wal_replay_resume()")
        _wait_for_replica(space)
        now[0] += 60
        assert reading.scalar(query("count_rows", table="listens")) == 61
        assert "the read replica is used again" in caplog.text
        standby.stop()
        try:
            # The pooled connection is gone, and the last check was good.
            assert reading.scalar(query("count_rows", table="listens")) == 61
            assert caplog.text.count("the read replica is not used") == 2
            assert "does not answer" in replica_findings(reading)[0].said
        finally:
            standby.start()


def test_while_the_main_database_is_down_every_reader_says_so(
    space: Workspace,
    url: str,
    replica_url: str,
    server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOODLOG_HOME", str(space.settings.home))
    monkeypatch.setenv("MOODLOG_DATABASE_URL", url)
    monkeypatch.setenv("MOODLOG_READ_DATABASE_URL", replica_url)
    server.stop()
    try:
        assert "cannot be compared with the main database" in replica_findings(_replica_of(space))[0].said
        for command in ("status", "history"):
            done = CliRunner().invoke(command_line, [command])
            assert (done.exit_code, "does not answer" in done.output) == (75, True)
        with pytest.raises(StoreError, match="does not answer"):
            _heard(space)
    finally:
        server.start()
    assert _heard(space) == 60


def test_only_a_replica_of_the_main_database_is_read(
    space: Workspace, url: str, replica_url: str, server: PostgresServer, standby: PostgresServer
) -> None:
    other = make_url(standby.url).set(database="postgres").render_as_string(hide_password=False)
    with ExitStack() as stack:
        main = stack.enter_context(closing(open_database(url)))
        for address, said in ((url, "accepts writes"), (other, "is no replica of"), (replica_url, "")):
            reading = stack.enter_context(closing(ReadReplica(address, main, most_behind_s=60)))
            assert said in reading.state().problem
            assert bool(reading.state().problem) == bool(said)
            assert reading.scalar(query("count_rows", table="listens")) == 60
        with pytest.raises(StoreError, match="read-only"):
            reading.replica.run(query("remove_move_marks"))


def test_a_replica_with_another_schema_is_not_read(space: Workspace) -> None:
    space.database.run(query("remove_view_records"))
    _wait_for_replica(space)
    assert "schema of another moodlog" in _replica_of(space).state().problem


def test_a_replica_needs_postgresql(tmp_path: Path) -> None:
    with (
        _workspace(tmp_path, f"sqlite:///{tmp_path}/moodlog.db", "postgresql://ada:planted@host/db") as space,
        pytest.raises(ConfigError, match="needs PostgreSQL in MOODLOG_DATABASE_URL"),
    ):
        _ = space.reading


def test_the_doctor_and_the_status_read_the_replica(
    space: Workspace, url: str, replica_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_HOME", str(space.settings.home))
    monkeypatch.setenv("MOODLOG_DATABASE_URL", url)
    monkeypatch.setenv("MOODLOG_READ_DATABASE_URL", replica_url)
    assert json.loads(CliRunner().invoke(command_line, ["status", "--json"]).stdout)["history"]
    done = CliRunner().invoke(command_line, ["doctor", "--json"]).stdout
    found = {line["what"]: line for line in map(json.loads, done.splitlines())}
    assert found["read replica"]["level"] == "ok"
    assert "read-only, schema up to date" in found["read replica"]["said"]
