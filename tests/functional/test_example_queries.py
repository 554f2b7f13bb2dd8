"""The queries in ``sql/examples``, asked on SQLite and PostgreSQL and held against answers worked out apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.domain.records import from_ms
from mood_core.store.engine.sql_files import sql_folder
from standin import StandIn
from tests.conftest import NOW
from tests.nights import connect_listeners, one_night, settings_for, workspace_of

pytestmark = pytest.mark.partitions

EXAMPLES = sorted((sql_folder() / "examples").glob("*.sql"))


@pytest.fixture(scope="module")
def history(
    shared_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Workspace, list[dict[str, Any]]]]:
    """A night's history, and the same worked out in Python from the tables, on each person's own clock."""
    home = str(tmp_path_factory.mktemp("home"))
    with ExitStack() as stack:
        standin = stack.enter_context(StandIn(seed=11, listeners=3, now=NOW, frozen=True))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        settings = settings_for(standin) | {"MOODLOG_DATABASE_URL": shared_database_url, "MOODLOG_HOME": home}
        for name, value in settings.items():
            patch.setenv(name, value)
        workspace = stack.enter_context(workspace_of(standin))
        connect_listeners(workspace, standin)
        one_night(workspace)
        with workspace.database.read() as connection:
            rows = connection.execute(
                text(
                    "SELECT u.display_name, u.timezone, l.played_at_ms, t.track_id, t.kind, m.mood FROM listens AS l"
                    " JOIN users AS u ON u.user_key = l.user_key JOIN tracks AS t ON t.track_key = l.track_key"
                    " LEFT JOIN moods AS m ON m.track_key = l.track_key"
                )
            ).mappings()
            yield workspace, [{**row, "local": _local(row["played_at_ms"], row["timezone"])} for row in rows]


def _local(milliseconds: int, timezone: str) -> datetime:
    return from_ms(milliseconds).astimezone(ZoneInfo(timezone))


def _ask(workspace: Workspace, name: str) -> list[tuple[Any, ...]]:
    path = next(path for path in EXAMPLES if name in path.name)
    with workspace.database.read() as connection:
        return [tuple(row) for row in connection.execute(text(path.read_text(encoding="utf-8").rstrip().rstrip(";")))]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_asks_a_question_and_runs(path: Path, history: tuple[Workspace, list[dict[str, Any]]]) -> None:
    assert path.read_text(encoding="utf-8").startswith("-- ")
    _ask(history[0], path.name)


def test_sundays(history: tuple[Workspace, list[dict[str, Any]]]) -> None:
    workspace, listens = history
    expected = Counter(
        (row["display_name"], row["mood"]) for row in listens if row["mood"] and row["local"].isoweekday() == 7
    )
    assert {row[:2]: row[2] for row in _ask(workspace, "sundays")} == expected


def test_calmest_days(history: tuple[Workspace, list[dict[str, Any]]]) -> None:
    workspace, listens = history
    days = Counter((row["display_name"], row["local"].date().isoformat()) for row in listens)
    calm = Counter((row["display_name"], row["local"].date().isoformat()) for row in listens if row["mood"] == "Calm")
    expected = {day: (count, round(100 * calm[day] / count)) for day, count in days.items() if count >= 10}
    answer = _ask(workspace, "calmest_days")
    assert answer
    for name, day, count, percent in answer:
        assert expected[name, str(day)][0] == count
        assert abs(expected[name, str(day)][1] - percent) <= 1
    assert [row[3] for row in answer] == sorted((row[3] for row in answer), reverse=True)


def test_unlabelled_and_why(history: tuple[Workspace, list[dict[str, Any]]]) -> None:
    workspace, listens = history
    expected = Counter(
        (row["display_name"], "local file" if row["kind"] == "local" else "no features known")
        for row in listens
        if row["mood"] is None
    )
    answer = _ask(workspace, "unlabelled_and_why")
    assert expected
    assert {row[:2]: row[2] for row in answer} == expected
