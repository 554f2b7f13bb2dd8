"""The share of the newest listens that have a mood, by year of release and source, and what would raise it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import event

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Track
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.queries.forecast import forecast, what_helps
from mood_core.usecases.batches import Batches
from tests.store_data import NOW, features, listens, moods, set_current, users

_TRACKS = {"old1": "1999-03-01", "old2": "1999", "new1": "2026-02-01", "new2": "2026-11-01", "undated": None}


def _fill(batches: Batches, database: Database) -> None:
    """Ten listens of each track and person; the tracks old1, old2 and new1 have features, all but new1 a mood."""
    tracks = [Track(name, name, ("somebody",), release_date=date) for name, date in _TRACKS.items()]
    batches.add(USERS, users(("ada", "Europe/Berlin"), ("bob", "UTC")), now=NOW)
    batches.add(TRACKS, to_table(TRACKS, tracks), now=NOW)
    batches.add(AUDIO_FEATURES, features(["old1", "old2", "new1"]), now=NOW)
    set_current(database, "m/1")
    batches.add(MOODS, moods(dict.fromkeys(("old1", "old2"), "Calm")), now=NOW)
    rows = [(user, NOW - timedelta(hours=hour, minutes=place), name)
            for user in ("ada", "bob") for hour in range(10) for place, name in enumerate(_TRACKS)]  # fmt: skip
    batches.add(LISTENS, listens(rows), now=NOW)


def test_moods_are_counted_by_year_of_release_and_source(migrated: Database, tmp_path: Path) -> None:
    _fill(Batches(open_lake(str(tmp_path / "lake")), migrated), migrated)
    found = forecast(migrated, ["ada", "bob"])
    assert (found.dated_by_isrc, found.note_on_years) == (0, None)
    assert [(row["release_year"], row["listens"], row["with_mood"], row["share"]) for row in found.by_year] == [
        ("2026", 40, 0, 0.0), ("1999", 40, 40, 1.0), ("unknown", 20, 0, 0.0),
    ]  # fmt: skip
    assert {row["feature_source"]: (row["listens"], row["with_mood"]) for row in found.by_source}["none"] == (40, 0)
    assert sum(row["listens"] for row in found.by_source) == found.listens == 100
    assert found.reasons == {"features not asked for yet": 40, "not labelled yet": 20}
    assert (found.with_mood, found.share) == (40, 0.4)
    assert forecast(migrated, ["ada"]).listens == 50
    assert forecast(migrated, []).listens == forecast(migrated, ["nobody"]).listens == 0
    first, second = what_helps(found)
    assert first.startswith("40% features not asked for yet: `moodlog run`")
    assert second.startswith("20% not labelled yet")


_CODES = {
    "GBAAA2600001": 2026, "gb-aaa-99-00001": 1999, "US AAA 58 00001": 1958, "USAAA3900001": 2039, "USAAA4000001": 1940,
    "GBAAA26": None, "GBAAAXX00001": None, "GBAAA260000123": None, None: None,
}  # fmt: skip


def test_without_a_date_the_year_is_that_of_the_code_and_marked(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    _fill(batches, migrated)
    tracks = [Track(f"{place}", "x", ("y",), isrc=code) for place, code in enumerate(_CODES)]
    tracks.append(Track("dated", "x", ("y",), isrc="GBAAA2600001", release_date="1971"))
    batches.add(TRACKS, to_table(TRACKS, tracks), now=NOW)
    rows = [("eve", NOW - timedelta(minutes=place), track.track_id) for place, track in enumerate(tracks)]
    batches.add(USERS, users(("eve", "UTC")), now=NOW)
    batches.add(LISTENS, listens(rows), now=NOW)
    with migrated.read() as connection:
        asked = "SELECT track_id, release_year, release_year_source FROM mood_history WHERE user_id = 'eve'"
        years = {row[0]: (row[1], row[2]) for row in connection.exec_driver_sql(asked)}
        asked = "SELECT release_year, tracks_dated_by_isrc FROM feature_coverage_by_year"
        covered = {row[0]: row[1] for row in connection.exec_driver_sql(asked)}
    assert years.pop("dated") == (1971, "release date")
    assert years == {f"{place}": (year, year and "isrc") for place, year in enumerate(_CODES.values())}
    assert (covered["2026"], covered["1999"], covered["unknown"]) == (1, 1, 0)
    found = forecast(migrated, ["eve"])
    assert found.dated_by_isrc == 5
    assert "5 listens" in (found.note_on_years or "").replace("\u202f", " ")


def test_a_code_that_is_learned_changes_the_counts_by_year_and_no_artists(migrated: Database, tmp_path: Path) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    batches.add(TRACKS, to_table(TRACKS, [Track("duet", "Duet", ("Kali", "Tyler, The Creator"))]), now=NOW)
    batches.add(LISTENS, listens([("ada", NOW - timedelta(hours=1), "duet")]), now=NOW)
    batches.finish(now=NOW)
    years = "SELECT release_year, listens FROM mood_by_release_year"
    with migrated.read() as connection:
        assert connection.exec_driver_sql(years).all() == []
    later = NOW + timedelta(days=1)
    joined = Track("duet", "Duet", ("Kali, Tyler, The Creator",), isrc="GBAAA2600001")  # as read from the view
    batches.add(TRACKS, to_table(TRACKS, [joined]), now=later)
    batches.finish(now=later)
    with migrated.read() as connection:
        assert connection.exec_driver_sql(years).all() == [(2026, 1)]
        artists = connection.exec_driver_sql("SELECT artist FROM artist_credits ORDER BY place").scalars().all()
    assert artists == ["Kali", "Tyler, The Creator"]


def test_only_the_newest_listens_are_read(migrated: Database, tmp_path: Path) -> None:
    _fill(Batches(open_lake(str(tmp_path / "lake")), migrated), migrated)
    assert forecast(migrated, ["ada", "bob"], newest=10).listens == 10
    if migrated.dialect != "sqlite":
        return
    asked: list[tuple[str, object]] = []
    event.listen(migrated.engine, "before_cursor_execute", lambda *args: asked.append((args[2], args[3])))
    forecast(migrated, ["ada"])
    sql, values = next(one for one in asked if "newest" in one[0])
    with migrated.read() as connection:
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]  # type: ignore[arg-type]
    assert [step for step in plan if step.startswith("SEARCH l ")], plan
    assert not [step for step in plan if step.startswith("SCAN l")], plan


def test_status_says_what_would_raise_the_share(home: Path) -> None:
    with Workspace() as workspace:
        _fill(workspace.batches, workspace.database)
    shown = CliRunner().invoke(main, ["status"], env={"COLUMNS": "60"}).stdout
    assert "Moods of the newest 100 listens" in shown
    assert "40%" in shown
    assert "`moodlog run`" in shown
    assert "Batches" not in shown
    state = json.loads(CliRunner().invoke(main, ["status", "--json"]).stdout)
    assert state["newest_listens"]["share"] == 0.4
    assert state["newest_listens"]["by_year"][0]["release_year"] == "2026"
    assert "Batches" in CliRunner().invoke(main, ["status", "--all"]).stdout


def test_years_that_are_unknown_are_one_row_and_not_two_equal_ones(home: Path) -> None:
    with Workspace() as workspace:
        batches = workspace.batches
        batches.add(USERS, users(("ada", "Europe/Berlin")), now=NOW)
        batches.add(TRACKS, to_table(TRACKS, [Track("one", "One", ("somebody",))]), now=NOW)
        batches.add(LISTENS, listens([("ada", NOW - timedelta(hours=1), "one")]), now=NOW)
    shown = CliRunner().invoke(main, ["status"]).stdout
    rows = shown.partition("by year of release")[2].partition("\n\n")[0]
    assert "unknown" in rows
    assert "all" not in rows.split()


def test_a_command_is_named_only_where_it_exists(migrated: Database, tmp_path: Path) -> None:
    _fill(Batches(open_lake(str(tmp_path / "lake")), migrated), migrated)
    with migrated.write() as connection:
        connection.exec_driver_sql("UPDATE tracks SET kind = 'local' WHERE track_id = 'undated'")
    found = forecast(migrated, ["ada"])
    assert found.reasons["local file"] == 10
    assert "audio add" not in " ".join(what_helps(found))
    assert "moodlog audio add FOLDER" in " ".join(what_helps(found, ["audio"]))
