"""The mood page: its numbers are the views' own, its names are text, and odd histories make a sensible page."""

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from mood_core.cli.report import command, write_report
from mood_core.domain.intervals import share_interval
from mood_core.domain.records import MOODS, Listen, ListenSource, User, to_ms
from mood_core.errors import InputError
from mood_core.lake import schema
from mood_core.lake.arrow_tables import to_table, users_table
from mood_core.report.page import is_page, render_page, shows_person
from mood_core.report.page_data import _plain, page_data
from mood_core.report.queries import VIEWS, page_sql
from tests.report_history import NAMES, NOW, add_history, workspace


def test_every_number_is_what_the_shown_query_answers(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 400)
        person = page_data(space.database, space.accounts.all(), now=NOW)["people"][0]
        assert len(person["periods"]) == 2
        with space.database.read() as connection:
            for period in person["periods"]:
                values = {"user": "ada", "first": period["first"], "last": period["last"]}
                for name in set(VIEWS) - {"days", "minutes", "months", "gaps"}:
                    rows = connection.execute(text(page_sql(name)), values).mappings()
                    answer = [{key: _plain(value) for key, value in row.items()} for row in rows]
                    assert period[name] == answer, name
                    assert answer, name


def test_what_is_asked_once_a_person_is_what_the_shown_query_answers(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 400)
        person = page_data(space.database, space.accounts.all(), now=NOW)["people"][0]
        values = {"user": "ada", "first": "0001-01-01", "last": "9999-12-31"}
        with space.database.read() as connection:
            answers = {
                name: [
                    {key: _plain(value) for key, value in row.items()}
                    for row in connection.execute(text(page_sql(name)), values).mappings()
                ]
                for name in ("days", "minutes", "months", "gaps")
            }
    assert person["minutes"] == answers["minutes"]
    assert person["months"] == answers["months"]
    assert sum(len(day) for day in person["days"].values()) == len(answers["days"])
    assert all(person["days"][row["day"]][row["mood"][0]] == row["listens"] for row in answers["days"])
    (gap,) = answers["gaps"]
    assert (gap["starts_at_ms"], gap["filled_at_ms"]) == (to_ms(NOW - timedelta(days=3)), None)
    # On the clock of Berlin.
    assert person["gaps"] == [{"starts_at": "2026-11-21 13:00", "ends_at": "2026-11-22 13:00", "filled": False}]


def test_minutes_are_played_times_or_else_the_tracks_lengths(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 12)
        with space.database.write() as connection:
            connection.execute(text("UPDATE tracks SET duration_ms = 180000 WHERE name <> 'plain'"))
            connection.execute(
                text(
                    "UPDATE listens SET ms_played = 60000 WHERE track_key ="
                    " (SELECT track_key FROM tracks WHERE name = '\U0001f600\U0001f3a7')"
                )
            )
        person = page_data(space.database, space.accounts.all(), now=NOW)["people"][0]
    # Two plays of each of six tracks: four are known by their length, one by its played time, one not at all.
    assert sum(row["seconds"] for row in person["minutes"] if row["seconds"]) == 60 * 2 * (4 * 3 + 1)
    assert sum(row["timed"] for row in person["minutes"]) == 10


def test_the_person_with_the_most_listens_comes_first(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 8)
        add = space.batches.add
        add(schema.USERS, users_table([User("a-quiet-one", "Quiet", "UTC", NOW)], recorded_at=NOW), now=NOW)
        play = Listen("a-quiet-one", NOW - timedelta(hours=1), f"{0:022d}", ListenSource.EXTENDED_HISTORY)
        add(schema.LISTENS, to_table(schema.LISTENS, [play]), now=NOW)
        people = page_data(space.database, space.accounts.all(), now=NOW)["people"]
    assert [person["user_id"] for person in people] == ["ada", "a-quiet-one"]


def test_a_recording_released_twice_stands_once_among_the_labels(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 60)
        with space.database.write() as connection:
            connection.execute(text("UPDATE tracks SET name = 'twice', artists = 'Somebody'"))
        person = page_data(space.database, space.accounts.all(), now=NOW)["people"][0]
    uncertain = person["periods"][0]["uncertain"]
    moods = [row["mood"] for row in uncertain]
    assert sorted(set(moods)) == sorted(moods)
    assert sum(row["listens"] for row in uncertain) == person["periods"][0]["totals"][0]["labelled"]


def test_the_map_puts_a_half_into_the_next_cell_on_every_database(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 60)
        with space.database.write() as connection:
            connection.execute(text("UPDATE audio_features SET valence = 0.125, energy = 0.625"))
        person = page_data(space.database, space.accounts.all(), now=NOW)["people"][0]
    cells = {(row["valence_cell"], row["energy_cell"]) for row in person["periods"][0]["map"]}
    assert cells == {(3, 13)}


def test_days_add_up_to_all_listens(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 400)
        person = page_data(space.database, space.accounts.all(), now=NOW)["people"][0]
    assert sum(sum(day.values()) for day in person["days"].values()) == 400
    assert person["periods"][0]["totals"][0]["listens"] == 400
    assert [period["label"] for period in person["periods"]] == ["All", "Last 30 days"]


def test_the_period_is_kept_to(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 400)
        day = date(2026, 11, 20)
        person = page_data(space.database, space.accounts.all(), now=NOW, first_day=day, last_day=day)["people"][0]
    assert list(person["days"]) == ["2026-11-20"]
    assert person["periods"][0]["totals"][0]["listens"] == sum(person["days"]["2026-11-20"].values())


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        page = render_page(page_data(space.database, space.accounts.all(), now=NOW))
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "unsafe" not in page.split("<title>")[0]
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert {row[2] for row in data["people"][0]["periods"][0]["tracks"]["rows"]} == set(NAMES)


@pytest.mark.parametrize("listens", [0, 1])
def test_few_listens_make_a_page(tmp_path: Path, listens: int) -> None:
    with workspace(tmp_path) as space:
        add_history(space, listens)
        page = write_report(space, tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert len(page) < 1_500_000


def test_nobody_connected_makes_a_page(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        assert page_data(space.database, [], now=NOW)["people"] == []


def test_a_page_holds_twelve_people_and_says_how_to_choose_them(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 1)
        one = space.accounts.all()[0]
        assert len(page_data(space.database, [one] * 12, now=NOW)["people"]) == 12
        with pytest.raises(InputError, match="13 people are too many for one page; name up to 12 with --user"):
            page_data(space.database, [one] * 13, now=NOW)


def test_unknown_people_and_days_the_wrong_way_round_are_refused(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 3)
        with pytest.raises(InputError, match="no account is called eve"):
            write_report(space, tmp_path / "page.html", users=("eve",))
        with pytest.raises(InputError, match="is after"):
            write_report(space, tmp_path / "page.html", first_day=date(2026, 2, 1), last_day=date(2026, 1, 1))
        with pytest.raises(InputError, match="cannot be written"):
            write_report(space, tmp_path / "no" / "page.html")


def test_the_command_says_where_the_page_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path))
    monkeypatch.delenv("MOODLOG_DATABASE_URL", raising=False)
    with workspace(tmp_path) as space:
        add_history(space, 3)
    done = CliRunner().invoke(command, ["--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size > 500_000


def test_shares_and_days_have_intervals_of_the_models_probabilities(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 400)
        person = page_data(space.database, space.accounts.all(), now=NOW)["people"][0]
        with space.database.read() as connection:
            rows = connection.execute(
                text("SELECT p_calm, p_energetic, p_happy, p_sad FROM mood_history WHERE mood IS NOT NULL")
            ).all()
    shares = {row["mood"]: row for row in person["periods"][0]["shares"]}
    for place, mood in enumerate(MOODS):
        chances = [row[place] for row in rows]
        variance = sum(chance * (1 - chance) for chance in chances)
        low, high = share_interval(sum(chances), variance, len(rows), len(rows))
        found = shares[mood]
        assert max(found["expected"] - found["half_width"], 0) / len(rows) == pytest.approx(low, abs=1e-3)
        assert min(found["expected"] + found["half_width"], len(rows)) / len(rows) == pytest.approx(high, abs=1e-3)
    assert person["intervals"].keys() <= person["days"].keys()
    assert all(0 <= low <= high <= 100 for day in person["intervals"].values() for low, high in day.values())


def test_the_page_says_how_right_the_labels_are(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        page = write_report(space, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "On a curator never seen" in page


@pytest.mark.parametrize("plain", [0, 10**9], ids=["compressed", "plain"])
def test_a_page_with_compressed_data_names_the_people_whom_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: int
) -> None:
    monkeypatch.setattr("mood_core.report.page._MOST_PLAIN", plain)
    with workspace(tmp_path) as space:
        add_history(space, 3)
        space.batches.add(schema.USERS, users_table([User('a "b" c', "B", "UTC", NOW)], recorded_at=NOW), now=NOW)
        page = write_report(space, tmp_path / "page.html")
    assert is_page(page)
    assert [shows_person(page, user) for user in ("ada", 'a "b" c', "ad", "a", "")] == [True, True, False, False, False]
    older = tmp_path / "older.html"
    older.write_bytes(page.read_bytes().replace(b'<meta name="moodlog-people"', b"<meta"))
    assert shows_person(older, "ada")
    (tmp_path / "thesis.html").write_text("<title>Thesis</title>", encoding="utf-8")
    assert not is_page(tmp_path / "thesis.html")
    assert not shows_person(tmp_path / "thesis.html", "ada")


def test_the_newest_listens_are_forecast_by_year_and_source(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 12)
        with space.database.write() as connection:
            connection.execute(text("UPDATE tracks SET release_date = '2025-03-01' WHERE name = 'plain'"))
        found = page_data(space.database, space.accounts.all(), now=NOW)["people"][0]["forecast"]
    assert (found["listens"], found["with_mood"]) == (12, 10)
    assert [(row["release_year"], row["listens"], row["with_mood"]) for row in found["years"]] == [
        ("2025", 2, 0),
        ("unknown", 10, 10),
    ]
    assert {row["feature_source"] for row in found["sources"]} == {"reccobeats", "none"}
    assert "moodlog run" in found["remedies"][0]
