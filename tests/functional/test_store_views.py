"""The views and the example questions, with equal answers on SQLite and PostgreSQL.

``python -m tests.functional.test_store_views`` writes the answers to the examples again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mood_core.domain.records import ListenSource
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import LISTENS
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.sql_files import sql_folder
from mood_core.store.queries.history import HistoryFilter, latest_listens
from tests.store_data import NOW, ExtendedListen, query, small_history

pytestmark = pytest.mark.partitions

ANSWERS = Path(__file__).with_name("example_answers.json")
EXAMPLES = sorted((sql_folder() / "examples").glob("*.sql"))
ZONES = {"ada": ZoneInfo("Europe/Berlin"), "grace": ZoneInfo("America/New_York")}


def _fill(database: Database, folder: str) -> None:
    """Two months, and a Sunday on which a listen followed the other every twenty minutes."""
    batches = small_history(open_lake(folder), database)
    start = datetime(2026, 10, 4, 9, tzinfo=UTC)
    plays = [
        ExtendedListen(user, start + timedelta(minutes=20 * step), f"t{step * 5 % 7}", ListenSource.EXTENDED_HISTORY)
        for user in ZONES
        for step in range(30)
    ]
    skipped = [replace(play, skipped=number % 3 == 0) for number, play in enumerate(plays)]
    batches.add(LISTENS, to_table(LISTENS, skipped), now=NOW)


@pytest.fixture(scope="module")
def history(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = open_database(shared_database_url)
    _fill(database, str(tmp_path_factory.mktemp("history") / "lake"))
    yield database
    database.close()


def _listens(history: Database) -> list[tuple[str, datetime, str, str]]:
    """(user, local time, mood or Unlabelled, track) from the tables, by Python's own time zones."""
    rows = query(
        history,
        "SELECT u.user_id, l.played_at_ms, coalesce(m.mood, 'Unlabelled'), t.track_id FROM listens AS l"
        " JOIN users AS u ON u.user_key = l.user_key JOIN tracks AS t ON t.track_key = l.track_key"
        " LEFT JOIN moods AS m ON m.track_key = l.track_key ORDER BY 1, 2, 4",
    )
    return [
        (user, datetime.fromtimestamp(at / 1000, UTC).astimezone(ZONES[user]), mood, track)
        for user, at, mood, track in rows
    ]


def _plain(rows: list[tuple[Any, ...]]) -> list[list[Any]]:
    return [[value if isinstance(value, str | int | None) else _value(value) for value in row] for row in rows]


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else round(float(value), 4)


def _answers(database: Database) -> dict[str, list[list[Any]]]:
    return {
        path.stem: _plain(query(database, path.read_text(encoding="utf-8").rstrip().rstrip(";"))) for path in EXAMPLES
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_has_its_answer(history: Database, path: Path) -> None:
    expected = json.loads(ANSWERS.read_text(encoding="utf-8"))[path.stem]
    assert expected
    assert _plain(query(history, path.read_text(encoding="utf-8").rstrip().rstrip(";"))) == expected


def test_there_are_a_dozen_examples() -> None:
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize(
    ("view", "column", "key"),
    [
        ("mood_daily", "day", lambda at: at.date().isoformat()),
        ("mood_weekly", "week", lambda at: date.fromordinal(at.toordinal() - at.weekday()).isoformat()),
        ("mood_by_hour", "hour", lambda at: str(at.hour)),
        ("mood_by_weekday", "weekday", lambda at: str(at.isoweekday())),
    ],
)
def test_counts_by_period_are_those_of_the_listens(history: Database, view: str, column: str, key: Any) -> None:
    expected = Counter((user, key(at), mood) for user, at, mood, _ in _listens(history))
    totals = Counter((user, key(at)) for user, at, _, _ in _listens(history))
    rows = query(history, f"SELECT user_id, {column}, mood, listens, share FROM {view}")  # noqa: S608
    assert {(user, str(period), mood): count for user, period, mood, count, _ in rows} == expected
    for user, period, _, count, share in rows:
        assert share == pytest.approx(count / totals[user, str(period)], abs=1e-4)


def test_everybodys_weeks_are_the_sum_of_each_ones(history: Database) -> None:
    mine = query(history, "SELECT week, mood, sum(listens) FROM mood_weekly GROUP BY week, mood ORDER BY 1, 2")
    assert query(history, "SELECT week, mood, listens FROM mood_weekly_everybody ORDER BY 1, 2") == mine


def test_transitions_join_labelled_listens_within_half_an_hour(history: Database) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for one, other in pairwise(_listens(history)):
        near = one[0] == other[0] and (other[1] - one[1]).total_seconds() <= 1800
        if near and "Unlabelled" not in (one[2], other[2]):
            expected[one[0], one[2], other[2]] += 1
    rows = query(history, "SELECT user_id, from_mood, to_mood, transitions FROM mood_transitions")
    assert {row[:3]: row[3] for row in rows} == expected


def test_transitions_read_each_listen_and_the_one_before_on_sqlite_without_statistics(tmp_path: Path) -> None:
    """Any other order takes minutes for a history of ten years, and a database after an import has no statistics."""
    database = open_database(f"sqlite:///{tmp_path / 'moodlog.db'}")
    migrate(database, now=NOW)
    plan = [row[3] for row in query(database, "EXPLAIN QUERY PLAN SELECT * FROM mood_transitions")]
    found = [step for step in plan if step.split()[1] in {"l", "n", "m"}]
    assert [step.split()[1] for step in found] == ["n", "l", "m", "m"]
    assert found[1].endswith("(user_key=? AND played_at_ms=?)")
    database.close()


def test_streaks_are_runs_of_days_with_the_same_leading_mood(history: Database) -> None:
    days: dict[tuple[str, date], Counter[str]] = {}
    for user, at, mood, _ in _listens(history):
        if mood != "Unlabelled":
            days.setdefault((user, at.date()), Counter())[mood] += 1
    leading = {day: min(moods, key=lambda mood: (-moods[mood], mood)) for day, moods in days.items()}
    runs: list[list[Any]] = []
    for (user, day), mood in sorted(leading.items()):
        if runs and runs[-1][:2] == [user, mood] and (day - runs[-1][3]).days == 1:
            runs[-1][3] = day
        else:
            runs.append([user, mood, day, day])
    rows = query(history, "SELECT user_id, mood, first_day, last_day, days FROM mood_streaks ORDER BY 1, 3")
    assert [(user, mood, str(first), str(last), days) for user, mood, first, last, days in rows] == [
        (user, mood, str(first), str(last), (last - first).days + 1) for user, mood, first, last in runs
    ]


def test_top_tracks_are_ranked_by_listens(history: Database) -> None:
    counts = Counter((user, mood, track) for user, _, mood, track in _listens(history) if mood != "Unlabelled")
    rows = query(history, "SELECT user_id, mood, track_id, listens, place FROM top_tracks_by_mood ORDER BY 1, 2, 5")
    assert {row[:3]: row[3] for row in rows} == counts
    assert [row[4] for row in rows if row[:2] == rows[0][:2]] == list(
        range(1, 1 + sum(r[:2] == rows[0][:2] for r in rows))
    )


def test_unlabelled_listens_have_a_reason_and_coverage_adds_up(history: Database) -> None:
    unlabelled = sum(mood == "Unlabelled" for _, _, mood, _ in _listens(history))
    rows = query(history, "SELECT unlabelled_reason, count(*) FROM unlabelled_listens GROUP BY unlabelled_reason")
    assert rows == [("features not asked for yet", unlabelled)]
    covered = query(history, "SELECT sum(covered_listens), sum(listens) FROM feature_coverage_by_person")
    assert covered == [(156 - unlabelled, 156)]
    assert query(history, "SELECT * FROM feature_coverage_by_year") == [("2019", 9, 6, pytest.approx(0.6667), 0)]
    assert sum(row[0] for row in query(history, "SELECT listens FROM feature_coverage")) == 156


def test_a_data_dictionary_that_is_not_current_is_found(tmp_path: Path) -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    script, page = tmp_path / "data_dictionary.py", tmp_path / "data-dictionary.md"
    script.write_bytes((docs / script.name).read_bytes())
    page.write_bytes((docs / page.name).read_bytes() + b"\n")
    checked = subprocess.run([sys.executable, script, "--check"], check=False, capture_output=True, text=True)
    assert (checked.returncode, "data-dictionary.md is not current" in checked.stderr) == (1, True)
    subprocess.run([sys.executable, script], check=True)
    assert page.read_bytes() == (docs / page.name).read_bytes()


def test_the_latest_listens_are_the_same_in_every_database(history: Database) -> None:
    lines = latest_listens(history, HistoryFilter(), 40)
    assert [line["played_at_ms"] for line in lines] == sorted((line["played_at_ms"] for line in lines), reverse=True)
    for line in lines:
        at = datetime.fromtimestamp(line["played_at_ms"] / 1000, UTC)
        local = at.astimezone(ZONES[line["user_id"]])
        assert line["played_at"] == f"{at:%Y-%m-%dT%H:%M:%S}.{line['played_at_ms'] % 1000:03d}Z"
        assert line["local_time"] == f"{local:%Y-%m-%d %H:%M:%S}"
        assert line["local_day"] == str(local.date())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = open_database(f"sqlite:///{folder}/a.db")
        migrate(made, now=NOW)
        _fill(made, f"{folder}/lake")
        ANSWERS.write_text(json.dumps(_answers(made), indent=1) + "\n", encoding="utf-8")
        made.close()
    sys.stdout.write(f"{ANSWERS}\n")
