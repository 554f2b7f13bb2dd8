"""The views for analysts over a history made by hand, and their documentation in the database, on both databases."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect

from mood_core.domain.intervals import share_interval
from mood_core.domain.records import ListenSource, Track
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, TRACKS, USERS
from mood_core.store import Database
from mood_core.store.engine import view_comments
from mood_core.store.engine.migrate import is_current, migrate
from mood_core.store.engine.sql_files import sql_folder
from mood_core.store.engine.view_comments import is_inner, view_meanings
from mood_core.usecases.batches import Batches
from tests.store_data import NOW, ExtendedListen, features, moods, query, set_current, users

pytestmark = pytest.mark.partitions

START = datetime(2026, 3, 1, 22, 50, tzinfo=UTC)
"""In Berlin it is ten minutes before midnight."""

TRACKS_HEARD = (
    Track("duet", "Duet", ("Tyler, The Creator", "Kali"), release_date="1999-12-31"),
    Track("solo", "Solo", ("Kali",), release_date="0000", duration_ms=180_000),
    Track("new", "New", ("Nobody",), release_date="soon"),
)
PLAYS = [(0, "duet"), (30, "solo"), (61, "duet"), (62, "new"), (93, "solo")]
"""(minutes since the start, track): 30 minutes continue a session, 31 minutes begin another one."""


def _play(user: str, minutes: int, track: str) -> ExtendedListen:
    return ExtendedListen(
        user, START + timedelta(minutes=minutes), track, ListenSource.EXTENDED_HISTORY, ms_played=60_000
    )


@pytest.fixture
def batches(migrated: Database, tmp_path: Path) -> Batches:
    made = Batches(open_lake(str(tmp_path / "lake")), migrated)
    made.add(TRACKS, to_table(TRACKS, TRACKS_HEARD), now=NOW)
    made.add(USERS, users(("ada", "Europe/Berlin"), ("bob", "UTC")), now=NOW)
    plays = [_play("ada", *play) for play in PLAYS]
    plays[1] = replace(plays[1], skipped=True, shuffle=False, reason_end="fwdbtn")
    made.add(LISTENS, to_table(LISTENS, [*plays, _play("bob", 5, "solo")]), now=NOW)
    made.add(AUDIO_FEATURES, features(["solo", "duet"]), now=NOW)
    made.add(MOODS, moods({"duet": "Calm", "solo": "Sad"}), now=NOW)
    set_current(migrated, "m/1")
    return made


@pytest.fixture
def history(batches: Batches, migrated: Database) -> Database:
    return migrated


def test_features_stand_beside_each_listen(history: Database) -> None:
    rows = query(
        history,
        "SELECT track, mood, valence, tempo, duration_ms, feature_source, release_year FROM listen_features"
        " WHERE user_id = 'ada' ORDER BY played_at_ms",
    )
    duet = ("Duet", "Calm", pytest.approx(0.1), 120.0, 200_000, "catalog", 1999)
    solo = ("Solo", "Sad", 0.0, 120.0, 180_000, "catalog", None)
    assert rows == [duet, solo, duet, ("New", None, None, None, None, None, None), solo]


def test_a_session_ends_after_more_than_half_an_hour(history: Database) -> None:
    rows = query(
        history,
        "SELECT (session_started_at_ms - :start) / 60000, place_in_session, track, mood, skipped FROM listen_sessions"
        " WHERE user_id = 'ada' ORDER BY played_at_ms",
        start=int(START.timestamp() * 1000),
    )
    assert rows == [
        (0, 1, "Duet", "Calm", None),
        (0, 2, "Solo", "Sad", 1),
        (61, 1, "Duet", "Calm", None),
        (61, 2, "New", None, None),
        (93, 1, "Solo", "Sad", None),
    ]


def test_sessions_have_the_local_time_of_their_first_listen(history: Database) -> None:
    rows = query(
        history,
        "SELECT user_id, local_day, local_hour, minutes, listens FROM sessions ORDER BY user_id, session_started_at_ms",
    )
    assert [(user, str(day), *rest) for user, day, *rest in rows] == [
        ("ada", "2026-03-01", 23, 30.0, 2),
        ("ada", "2026-03-02", 0, 1.0, 2),
        ("ada", "2026-03-02", 1, 0.0, 1),
        ("bob", "2026-03-01", 22, 0.0, 1),
    ]


def test_two_listens_at_the_same_time_are_in_one_session(batches: Batches, history: Database) -> None:
    batches.add(LISTENS, to_table(LISTENS, [_play("bob", 5, "duet"), _play("bob", 36, "duet")]), now=NOW)
    rows = query(history, "SELECT listens FROM sessions WHERE user_id = 'bob' ORDER BY session_started_at_ms")
    assert rows == [(2,), (1,)]
    places = query(history, "SELECT place_in_session FROM listen_sessions WHERE user_id = 'bob' ORDER BY 1")
    assert places == [(1,), (1,), (2,)]


def test_how_a_play_ended_is_beside_the_listen(history: Database) -> None:
    rows = query(
        history,
        "SELECT skipped, shuffle, reason_end FROM mood_history WHERE user_id = 'ada' ORDER BY played_at_ms LIMIT 2",
    )
    assert rows == [(None, None, None), (1, 0, "fwdbtn")]


def test_a_track_has_a_row_for_each_of_its_artists(history: Database) -> None:
    rows = query(history, "SELECT track_id, place_of_artist, artist FROM track_artists ORDER BY 1, 2")
    assert rows == [
        ("duet", 1, "Tyler, The Creator"),
        ("duet", 2, "Kali"),
        ("new", 1, "Nobody"),
        ("solo", 1, "Kali"),
    ]


def test_a_track_that_is_described_again_has_its_new_artists(batches: Batches, history: Database) -> None:
    batches.add(TRACKS, to_table(TRACKS, [Track("duet", "Duet", ("Tyler",)), Track("x", "X", ())]), now=NOW)
    assert query(history, "SELECT artist FROM track_artists WHERE track_id IN ('duet', 'x')") == [("Tyler",)]


def test_an_artist_is_ranked_by_all_their_tracks(history: Database) -> None:
    rows = query(
        history, "SELECT mood, place, artist, listens FROM top_artists_by_mood WHERE user_id = 'ada' ORDER BY 1, 2"
    )
    assert rows == [("Calm", 1, "Kali", 2), ("Calm", 2, "Tyler, The Creator", 2), ("Sad", 1, "Kali", 2)]


def test_expected_shares_of_a_day_include_moods_that_lead_no_listen(history: Database) -> None:
    rows = query(
        history,
        "SELECT mood, listens, expected_listens, labelled_listens, share_expected, share_low, share_high"
        " FROM mood_daily_expected WHERE user_id = 'ada' AND day = :day ORDER BY mood",
        day=date(2026, 3, 2) if history.dialect == "postgresql" else "2026-03-02",
    )
    # A Calm listen (0.7 Calm), two Sad ones (0.1 Calm) and one without a label.
    expected = {"Calm": (1, 0.9), "Energetic": (0, 0.3), "Happy": (0, 0.3), "Sad": (2, 1.5)}
    variances = {"Calm": 0.39, "Energetic": 0.27, "Happy": 0.27, "Sad": 0.51}
    assert [row[0] for row in rows] == list(expected)
    for mood, listens, mean, labelled, share, low, high in rows:
        assert (listens, mean, labelled) == (expected[mood][0], pytest.approx(expected[mood][1]), 3)
        assert share == pytest.approx(expected[mood][1] / 4, abs=1e-4)
        assert (low, high) == pytest.approx(share_interval(mean, variances[mood], 3, 4), abs=1e-4)
    assert sum(row[4] for row in rows) == pytest.approx(3 / 4, abs=1e-3)
    daily = "SELECT user_id, day, mood, share_expected, share_low, share_high FROM {} ORDER BY 1, 2, 3"
    kept = [row for row in query(history, daily.format("mood_daily")) if row[2] != "Unlabelled"]
    assert set(kept) < set(query(history, daily.format("mood_daily_expected")))


def test_mood_is_null_for_a_listen_and_unlabelled_in_a_count(history: Database) -> None:
    """The rule for every view with a mood: which one it is."""
    null, named = set(), set()
    for view, meaning in view_meanings(history).items():
        if "mood" in meaning.columns:
            found = {row[0] for row in query(history, f"SELECT DISTINCT mood FROM {view}")}  # noqa: S608
            assert not {None, "Unlabelled"} <= found, view
            null |= {view for mood in found if mood is None}
            named |= {view for mood in found if mood == "Unlabelled"}
    assert null == {"mood_history", "listen_features", "listen_sessions"}
    assert named == {
        "mood_by_hour",
        "mood_by_session_place",
        "mood_by_weekday",
        "mood_daily",
        "mood_monthly",
        "mood_weekly",
        "mood_weekly_everybody",
    }


def test_the_database_explains_its_views(history: Database) -> None:
    meanings = view_meanings(history)
    rows = query(history, "SELECT view_name, column_name, meaning FROM data_dictionary")
    assert {(view, column, text) for view, column, text in rows if column} == {
        (view, column, text) for view, meaning in meanings.items() for column, text in meaning.columns.items()
    }
    assert {view: text for view, column, text in rows if column is None} == {
        view: meaning.comment for view, meaning in meanings.items()
    }
    assert not [row[0] for row in rows if is_inner(row[0])]
    _is_commented(history, "mood_daily", meanings["mood_daily"].comment, meanings["mood_daily"].columns["share_low"])


def test_each_table_of_facts_is_explained_and_the_others_are_moodlogs_own(history: Database) -> None:
    with history.read() as connection:
        facts = {table for table in inspect(connection).get_table_names() if not is_inner(table)}
    page = (sql_folder().parent / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    tables = page.partition("## Tables in SQL")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \| .{20}", tables, re.MULTILINE)) == facts
    comment = view_meanings(history)["data_dictionary"].comment
    assert [words for words in ("begin with _", "other tables hold the facts") if words not in comment] == []


def _is_commented(history: Database, view: str, comment: str, of_share_low: str) -> None:
    if history.dialect == "sqlite":
        ((schema,),) = query(history, "SELECT sql FROM sqlite_schema WHERE name = :view", view=view)
        words = " ".join(line.removeprefix("-- ") for line in schema.splitlines() if line.startswith("-- "))
        assert schema.startswith(f"CREATE VIEW {view}")
        assert comment in words
        assert f"share_low: {of_share_low}" in words
        return
    assert query(history, "SELECT obj_description(CAST(:view AS REGCLASS), 'pg_class')", view=view) == [(comment,)]
    columns = query(
        history,
        "SELECT col_description(attrelid, attnum) FROM pg_attribute"
        " WHERE attrelid = CAST(:view AS REGCLASS) AND attname = 'share_low'",
        view=view,
    )
    assert columns == [(of_share_low,)]


def test_a_new_meaning_of_a_column_reaches_an_existing_database(
    history: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_current(history)
    changed = dict(view_comments._column_meanings()) | {"artist": "who plays it; it's 100% new"}
    monkeypatch.setattr(view_comments, "_column_meanings", lambda: changed)
    assert not is_current(history)
    migrate(history, now=NOW)
    rows = query(
        history, "SELECT meaning FROM data_dictionary WHERE view_name = 'track_artists' AND column_name = 'artist'"
    )
    assert rows == [("who plays it; it's 100% new",)]
