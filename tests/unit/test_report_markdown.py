"""The markdown and the picture of a nightly run: its counts are the view's, and a name is no markup."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import text

from mood_core.domain.mood_style import COLOURS
from mood_core.domain.records import User
from mood_core.lake import schema
from mood_core.lake.arrow_tables import users_table
from mood_core.report.account_states import account_states
from mood_core.report.mood_markdown import as_text, mood_markdown
from mood_core.report.mood_picture import mood_picture
from tests.report_history import NOW, USER, add_history, workspace


def test_rows_hold_the_days_and_the_views_counts(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        drawn = mood_markdown(space.database, NOW.date())
        with space.database.read() as connection:
            query = text("SELECT day, mood, listens FROM mood_daily WHERE day >= '2026-11-18'")
            counted = {(row.day, row.mood): row.listens for row in connection.execute(query)}
    header, _, *rows = [line.strip("| ").split(" | ") for line in drawn.splitlines() if line.startswith("|")]
    assert header == ["person", "day", "○ Calm", "▲ Energetic", "● Happy", "▽ Sad", "· Unlabelled", "listens"]
    assert len(rows) == 7
    for _, day, *cells, total in rows:
        counts = [counted.get((day, mood), 0) for mood in COLOURS]
        assert [int(cell or 0) for cell in cells] == counts
        assert int(total) == sum(counts)
    assert "<img" not in drawn


def test_no_listens_are_said(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        assert mood_markdown(space.database, NOW.date()).startswith("No listens from 2026-11-18")


def test_people_of_one_name_are_not_mixed(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        namesake = User("zoe", USER.display_name, "UTC", NOW)
        space.batches.add(schema.USERS, users_table([namesake], recorded_at=NOW), now=NOW)
        with space.database.write() as connection:
            key = connection.scalar(text("SELECT user_key FROM users WHERE user_id = 'zoe'"))
            day = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days
            connection.execute(
                text(
                    "INSERT INTO _mood_days (user_key, day, calm, energetic, happy, sad, unlabelled, uncertain_calm,"
                    " uncertain_energetic, uncertain_happy, uncertain_sad)"
                    " VALUES (:key, :day, 0, 0, 0, 3, 0, 0, 0, 0, 0)"
                ),
                {"key": key, "day": day},
            )
        drawn = mood_markdown(space.database, NOW.date())
        first = mood_markdown(space.database, NOW.date(), most_people=1)
    assert drawn.count("| &lt;img") == 8
    assert first.count("| &lt;img") == 7
    assert "Of 2 people, the 1 with the most listens on these days are shown." in first


def test_the_people_with_the_most_listens_come_before_lower_ids(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        quiet = User("0", "Quiet", "UTC", NOW)
        space.batches.add(schema.USERS, users_table([quiet], recorded_at=NOW), now=NOW)
        with space.database.write() as connection:
            day = (NOW - datetime(1970, 1, 1, tzinfo=UTC)).days
            connection.execute(
                text(
                    "INSERT INTO _mood_days (user_key, day, calm, energetic, happy, sad, unlabelled, uncertain_calm,"
                    " uncertain_energetic, uncertain_happy, uncertain_sad)"
                    " SELECT user_key, :day, 1, 0, 0, 0, 0, 0, 0, 0, 0 FROM users WHERE user_id = '0'"
                ),
                {"day": day},
            )
        drawn = mood_markdown(space.database, NOW.date())
        first = mood_markdown(space.database, NOW.date(), most_people=1)
    assert "Quiet" in drawn
    assert "Quiet" not in first
    assert "| &lt;img" in first


@pytest.mark.parametrize("name", ["a|b", "[x](javascript:alert(1))", "`x`", "<b>", "**x**", "a\nb"])
def test_names_are_no_markup(name: str) -> None:
    shown = as_text(name)
    for sign in "|[]`*":
        assert all(shown[at - 1] == "\\" for at in range(len(shown)) if shown[at] == sign)
    assert "<" not in shown
    assert "\n" not in shown


def test_the_picture_says_the_numbers_of_the_view(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 200)
        drawn = mood_picture(space.database, NOW.date(), days=7)
        with space.database.read() as connection:
            query = text("SELECT day, sum(listens) AS n FROM mood_daily WHERE day >= :first GROUP BY day ORDER BY day")
            totals = [int(row.n) for row in connection.execute(query, {"first": "2026-11-18"})]
    svg = ET.fromstring(drawn)  # noqa: S314 - our own
    texts = [one.text for one in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == f"{sum(totals)} listens by mood, 18–24 Nov 2026"
    assert [int(one) for one in texts if one and one.isdigit()] == totals


def test_a_picture_of_nothing_is_whole(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        assert ET.fromstring(mood_picture(space.database, NOW.date())) is not None  # noqa: S314 - our own


def test_account_states_are_those_of_the_last_week(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 200)
        state = account_states(space.database, space.accounts.all(), now=NOW)["ada"]
        with space.database.read() as connection:
            query = text(
                "SELECT count(mood) AS labelled, count(*) - count(mood) AS unlabelled FROM mood_history"
                " WHERE played_at_ms >= :since"
            )
            since = int((NOW - timedelta(days=7)).timestamp() * 1000)
            labelled, unlabelled = connection.execute(query, {"since": since}).one()
    assert (state.labelled, state.unlabelled) == (labelled, {"features not asked for yet": unlabelled})
    assert (state.open_gaps, state.token_days_left) == (1, None)


def test_what_is_left_to_label_is_counted(tmp_path: Path, database_url: str) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 10)
        assert space.mood_rows.count_unlabelled("model/1") == 0
        assert space.mood_rows.count_unlabelled("model/2") == 5
