"""What every question costs, without a clock: instructions of SQLite's virtual machine, and PostgreSQL's plans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.lake import open_lake
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database, open_database
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.partitions import count_partitions
from mood_core.store.loading.keep_up import keep_up
from tests.questions import (
    COMMANDS_ABOUT_ALL,
    COMMANDS_OF_A_PERSON,
    grafana_questions,
    questions_about_a_person,
    questions_about_all,
    sqlite_steps,
)
from tests.store_data import NOW, features, listens, moods, small_history, tracks, users

_NAMES = [f"t{index}" for index in range(30)]
_LABELS = ("Calm", "Energetic", "Happy", "Sad")
_A_DAY = 30
_SLACK = 400
"""Hundreds of instructions that a question may cost more for any reason: reading the schema, one more row."""


KEPT = {
    "mood_by_hour", "mood_by_release_year", "mood_by_session_place", "mood_transitions", "skips_by_mood",
    "sound_by_hour", "top_artists_by_mood", "top_tracks_by_mood", "unlabelled_tracks",
}  # fmt: skip
"""Views that read no listens that are counted."""

KEPT_QUESTIONS = KEPT | {
    "listen_sessions", "08_what_follows_sad", "09_top_tracks", "13_sound_of_the_day", "15_moods_within_a_session",
    "16_skipped_by_mood", "17_top_artists", "18_moods_by_decade", "history --by hour", "history --by track",
    "history --user {user} --by hour", "history --user {user} --by track",
}  # fmt: skip
"""Questions that cost the same for twice the history."""


def _grow(home: Path, first_day: int, last_day: int, *people: str) -> None:
    """Add the listens of ``people`` on some days before now, as an import does."""
    with Workspace() as workspace:
        batches = workspace.batches
        batches.add(USERS, users(*((user, "Europe/Berlin") for user in people)), now=NOW)
        if workspace.mood_rows.current_version() is None:
            batches.add(TRACKS, tracks(*_NAMES), now=NOW)
            batches.add(AUDIO_FEATURES, features(_NAMES[:27]), now=NOW)
            batches.add(MOODS, moods({name: _LABELS[at % 4] for at, name in enumerate(_NAMES[:27])}), now=NOW)
            workspace.mood_rows.set_current("m/1")
        for user in people:
            rows = [
                (user, NOW - timedelta(days=day, minutes=17 * at), _NAMES[(7 * day + at) % 30])
                for day in range(first_day, last_day)
                for at in range(_A_DAY)
            ]
            batches.add(LISTENS, listens(rows), now=NOW)
        keep_up(workspace.database)


def _costs(home: Path) -> tuple[dict[str, int], dict[str, int]]:
    """The cost of each question about the person ``ada``, and of each about everybody."""
    about_ada: dict[str, int] = {}
    about_all: dict[str, int] = {}
    with sqlite_steps() as steps:
        database = open_database(f"sqlite:///{home / 'moodlog.db'}")
        with database.read() as connection:
            for found, questions in (
                (about_ada, questions_about_a_person(connection)),
                (about_all, questions_about_all(connection)),
            ):
                for name, sql in list(questions):
                    values = {"user_id": "ada", "person": "", "mood": "", "user": "ada"}
                    before = steps[0]
                    connection.execute(text(sql), {key: one for key, one in values.items() if f":{key}" in sql}).all()
                    found[name] = steps[0] - before
        database.close()
        for found, commands in ((about_ada, COMMANDS_OF_A_PERSON), (about_all, COMMANDS_ABOUT_ALL)):
            for command in commands:
                before = steps[0]
                words = command.format(user="ada", out=home / "page.html", new=home / f"{before}.zip").split()
                result = CliRunner().invoke(main, words)
                assert result.exit_code == 0, (command, result.output)
                found[command] = steps[0] - before
    return about_ada, about_all


@pytest.mark.slow
def test_twice_the_history_costs_little_more_than_twice_and_other_people_cost_a_person_nothing(home: Path) -> None:
    _grow(home, 0, 120, "ada")
    once, all_once = _costs(home)
    _grow(home, 120, 240, "ada")
    twice, all_twice = _costs(home)
    assert len(once) > 20
    assert len(all_once) > 40
    too_much = {
        name: (before[name], after[name])
        for before, after in ((once, twice), (all_once, all_twice))
        for name in before
        if after[name] > 3 * before[name] + _SLACK
    }
    assert too_much == {}, "cost of a history, and of twice the history"
    assert {
        name: (before[name], after[name])
        for before, after in ((once, twice), (all_once, all_twice))
        for name in before.keys() & KEPT_QUESTIONS
        if after[name] > 1.2 * before[name] + _SLACK
    } == {}, "cost of kept counts of a history, and of twice the history"
    _grow(home, 0, 240, *(f"other{index}" for index in range(8)))
    among_others, _ = _costs(home)
    assert {
        name: (twice[name], cost) for name, cost in among_others.items() if cost > 1.5 * twice[name] + _SLACK
    } == {}, "cost for a person alone, and among others"


def test_an_answer_costs_little_more_than_reading_the_history_once(home: Path) -> None:
    with sqlite_steps() as steps, Workspace() as workspace:
        batches = workspace.batches
        batches.add(USERS, users(("ada", "UTC")), now=NOW)
        batches.add(TRACKS, tracks("often", "rare"), now=NOW)
        batches.add(MOODS, moods({"often": "Sad", "rare": "Calm"}), now=NOW)
        workspace.mood_rows.set_current("m/1")
        heard = [("ada", NOW - timedelta(minutes=7 * at), "rare" if at % 3 else "often") for at in range(9_000)]
        batches.add(LISTENS, listens(heard), now=NOW)
        keep_up(workspace.database)
        with workspace.database.read() as connection:
            before = steps[0]
            connection.execute(query("listens_to_count"), {"user": 1}).all()
            reading = steps[0] - before
        before = steps[0]
        workspace.answer("ada", "rare", "Happy")
        assert steps[0] - before < 1.5 * reading + _SLACK


@pytest.mark.partitions
def test_questions_about_a_person_read_their_listens_by_key_on_postgresql(migrated: Database, tmp_path: Path) -> None:
    if migrated.dialect == "sqlite":
        pytest.skip("counted in instructions above, and planned in test_query_plans.py")
    small_history(open_lake(str(tmp_path / "lake")), migrated)
    with migrated.read() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # or a small table is read whole, as it should be
        for name, sql in list(questions_about_a_person(connection)):
            rows = connection.execute(text(f"EXPLAIN (FORMAT JSON) {sql}"), {"user_id": "ada"}).scalar_one()
            assert "Seq Scan" not in _scans_of_listens(rows[0]["Plan"]), name


@pytest.mark.partitions
def test_questions_about_a_person_read_one_partition(migrated: Database, tmp_path: Path) -> None:
    if migrated.dialect == "sqlite":
        pytest.skip("SQLite has no partitions")
    small_history(open_lake(str(tmp_path / "lake")), migrated)
    with migrated.read() as connection:
        for way in ("seqscan", "hashjoin", "mergejoin"):  # which are right for so few rows
            connection.execute(text(f"SET LOCAL enable_{way} = off"))
        for name, sql in list(questions_about_a_person(connection)):
            explain = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
            rows = connection.execute(explain, {"user_id": "ada"}).scalar_one()
            assert len(_tables_of_listens_read(rows[0]["Plan"])) <= 1, name


@pytest.mark.partitions
def test_kept_counts_are_read_instead_of_the_listens_on_postgresql(migrated: Database, tmp_path: Path) -> None:
    if migrated.dialect == "sqlite":
        pytest.skip("counted in instructions above")
    small_history(open_lake(str(tmp_path / "lake")), migrated, months=4)
    keep_up(migrated, step_ms=1, recent_ms=0)
    with migrated.write() as connection:
        connection.execute(text("ANALYZE"))  # as autovacuum does: earlier tests have used this database
    with migrated.read() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        stored = connection.scalar(text("SELECT count(*) FROM listens"))
        questions = [(view, f"SELECT * FROM {view}") for view in sorted(KEPT)]  # noqa: S608 - our own views
        names = connection.scalars(text("SELECT display_name FROM users"))
        questions += grafana_questions(names, "2026-01-01", "2026-12-31")
        for name, sql in questions:
            # The listens before the recent ones are found in another way in a table as small as here.
            if "mood_transitions" not in sql:
                ((found,),) = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}").all()
                assert _listens_read(found[0]["Plan"]) < stored / 8, name


@pytest.mark.partitions
def test_listens_since_the_counts_are_joined_by_key_whatever_the_statistics_on_postgresql(
    migrated: Database, tmp_path: Path
) -> None:
    if migrated.dialect == "sqlite":
        pytest.skip("counted in instructions above")
    small_history(open_lake(str(tmp_path / "lake")), migrated)
    with migrated.write() as connection:
        connection.execute(text("ANALYZE moods"))  # as autovacuum does sooner or later
    with migrated.read() as connection:
        connection.execute(text("SET LOCAL enable_nestloop = off"))  # as if there were very many
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # or a small table is read whole, as it should be

        def plan(view: str) -> dict[str, Any]:
            ((found,),) = connection.execute(text(f"EXPLAIN (FORMAT JSON) SELECT * FROM {view}")).all()  # noqa: S608
            return dict(found[0]["Plan"])

        assert [_joins_with_all_listens(plan(view)) for view in ("sessions", "mood_transitions")] == [[], []]
        assert "moods" not in _joined_whole(plan("mood_transitions"))
        assert "artist_credits" not in _joined_whole(plan("top_artists_by_mood"))
        assert len(_scans_of_listens(plan("unlabelled_listens"))) == count_partitions(connection)


def test_postgresql_does_not_compile_the_views_for_moodlog(migrated: Database) -> None:
    if migrated.dialect == "sqlite":
        pytest.skip("SQLite does not compile")
    with migrated.read() as connection:
        assert connection.scalar(text("SHOW jit")) == "off"


_BY_KEY = {"Index Cond", "Recheck Cond"}


def _is_of_listens(plan: dict[str, Any]) -> bool:
    """Whether a step of a plan reads the table of listens or a partition of it."""
    return bool(re.fullmatch(r"listens|_listens_\d+_of_\d+", plan.get("Relation Name", "")))


def _steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All steps of a plan."""
    yield plan
    for part in plan.get("Plans", []):
        yield from _steps(part)


def _scans_of_listens(plan: dict[str, Any]) -> list[str]:
    """The kind of each step that reads listens."""
    return [step["Node Type"] for step in _steps(plan) if _is_of_listens(step)]


def _tables_of_listens_read(plan: dict[str, Any]) -> set[str]:
    """The tables that were read by the steps of a plan with listens."""
    return {step["Relation Name"] for step in _steps(plan) if _is_of_listens(step) and step["Actual Loops"]}


def _joins_with_all_listens(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The scans of all listens that a plan joins in another way than by key."""
    return [side for side in _joined_sides(plan) if _is_of_listens(side)]


def _joined_whole(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan reads whole to join them."""
    return {side["Relation Name"] for side in _joined_sides(plan) if "Relation Name" in side}


def _joined_sides(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that read a table whole for a join of a plan."""
    joins = [step for step in _steps(plan) if step["Node Type"] in ("Hash Join", "Merge Join")]
    return [side for join in joins for part in join["Plans"] for side in _inputs(part) if not _BY_KEY & side.keys()]


def _inputs(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that a join reads: those below a hash, a sort or the partitions of a table."""
    if plan["Node Type"] in ("Hash", "Sort", "Materialize", "Append", "Merge Append"):
        return [step for part in plan["Plans"] for step in _inputs(part)]
    return [plan]


def _listens_read(plan: dict[str, Any]) -> float:
    """The rows of the table of listens that a plan has read."""
    return float(sum(step["Actual Rows"] * step["Actual Loops"] for step in _steps(plan) if _is_of_listens(step)))
