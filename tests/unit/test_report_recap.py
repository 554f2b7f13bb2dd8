"""The recap: its counts are the views' own, and its sentences say what changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from mood_core.app.workspace import Workspace
from mood_core.cli.recap import command
from mood_core.domain.mood_style import LOOKS
from mood_core.domain.records import MOODS
from mood_core.report.read_recap import read_recap
from mood_core.report.recap import Most, Recap
from mood_core.report.recap_period import Period, Unit, last_full, period_with
from mood_core.report.recap_picture import draw_recap, forget_pictures, picture_file, picture_name, recap_figure
from mood_core.text.format import date_range
from tests.report_history import NOW, add_history, workspace

MONDAY = date(2026, 11, 16)
WEEK = period_with(Unit.WEEK, MONDAY)
MONTH = period_with(Unit.MONTH, MONDAY)
YEAR = period_with(Unit.YEAR, MONDAY)


def _recap(listens: dict[str, int], before: dict[str, int]) -> Recap:
    nothing = dict.fromkeys(("Calm", "Energetic", "Happy", "Sad", "Unlabelled"), 0)
    return Recap("ada", "Ada $x$ \\frac", WEEK, nothing | listens, nothing | before, (nothing | listens,) * 7)


def _read(space: Workspace, period: Period = WEEK) -> Recap:
    return read_recap(space.database, space.accounts.all()[0], period, NOW)


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 11, 29)])
def test_last_full_week_has_ended(day: date) -> None:
    assert last_full(Unit.WEEK, day) == WEEK


@pytest.mark.parametrize(
    ("unit", "today", "first", "last"),
    [
        (Unit.MONTH, date(2026, 1, 31), date(2025, 12, 1), date(2025, 12, 31)),
        (Unit.MONTH, date(2028, 3, 1), date(2028, 2, 1), date(2028, 2, 29)),
        (Unit.YEAR, date(2026, 12, 31), date(2025, 1, 1), date(2025, 12, 31)),
    ],
)
def test_last_full_months_and_years_have_ended(unit: Unit, today: date, first: date, last: date) -> None:
    assert last_full(unit, today) == Period(unit, first, last)


@given(st.sampled_from(Unit), st.dates(date(2, 1, 1), date(9998, 12, 31)))
def test_periods_follow_each_other_and_each_day_has_its_bar(unit: Unit, day: date) -> None:
    period = period_with(unit, day)
    assert period.first <= day <= period.last
    assert period.before.last == period.first - timedelta(days=1)
    assert 0 <= period.part_of(day) < period.parts == {Unit.WEEK: 7, Unit.YEAR: 12}.get(unit, period.last.day)


def test_sentences_compare_with_the_week_before() -> None:
    said = _recap({"Happy": 12, "Sad": 4}, {"Happy": 5, "Sad": 5}).sentences()
    assert said[0].endswith("listened 16 times in the week of 16–22 Nov 2026, 6 more than the week before.")
    assert said[1] == "Happy music led with 75% of the listens, 25 points more than in the week before."
    assert len(said) == 2


def test_few_listens_have_no_shares_in_sentences_and_grey_ones_in_the_picture() -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    from matplotlib.colors import to_hex

    recap = _recap({"Energetic": 6}, {"Calm": 50})
    assert recap.sentences()[1] == "Energetic music led with 6 of 6 listens, too few for a share."
    assert "%" not in " ".join(recap.sentences())
    figure = recap_figure(recap)
    shares = figure.axes[1]
    assert {to_hex(bar.get_facecolor()) for bar in shares.patches} == {LOOKS["light"]["edge"]}
    assert "100%, n = 6" in [one.get_text() for one in shares.texts]
    assert "only 6 listens" in " ".join(one.get_text() for one in figure.texts)
    enough = recap_figure(_recap({"Energetic": 10}, {})).axes[1]
    assert LOOKS["light"]["edge"] not in {to_hex(bar.get_facecolor()) for bar in enough.patches}


def test_few_listens_before_are_not_compared() -> None:
    said = " ".join(_recap({"Happy": 12, "Sad": 4}, {"Sad": 9}).sentences())
    assert "Happy music led with 75% of the listens." in said
    assert "rose" not in said


def test_the_largest_move_is_reported_where_it_is_not_the_leading_moods() -> None:
    said = _recap({"Happy": 5, "Sad": 1, "Calm": 2, "Energetic": 2}, {"Happy": 5, "Sad": 5}).sentences()
    assert said[1] == "Happy music led with 50% of the listens, as in the week before."
    assert said[2] == "Sad music fell most, from 50% to 10%."


def test_a_move_of_less_than_three_points_is_not_worth_a_word() -> None:
    # Happy falls by two points, Sad rises by two: nobody would notice.
    assert len(_recap({"Happy": 68, "Sad": 32}, {"Happy": 70, "Sad": 30}).sentences()) == 2
    little = _recap({"Happy": 66, "Sad": 31, "Calm": 3}, {"Happy": 68, "Sad": 32}).sentences()
    assert little[2] == "Calm music rose most, from 0% to 3%."


def test_few_and_many_are_worded_right() -> None:
    said = " ".join(_recap({"Unlabelled": 1}, {}).sentences())
    assert "listened once in the week of" in said
    assert "the week before had none" in said
    assert "1 listen has no mood" in said
    assert "12\u202f345 times" in _recap({"Calm": 12_345}, {"Calm": 12_345}).sentences()[0]


def test_a_silent_week_is_said() -> None:
    assert _recap({}, {"Sad": 3}).sentences()[0].endswith("16–22 Nov 2026; the week before had 3 listens.")
    assert _recap({}, {}).sentences()[0].endswith("no stored listens in the week of 16–22 Nov 2026.")


def test_counts_are_those_of_the_weekly_view(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 200)
        recap = _read(space)
        with space.database.read() as connection:
            query = text("SELECT mood, listens FROM mood_weekly WHERE user_id = 'ada' AND week = :week")
            weekly = {row.mood: row.listens for row in connection.execute(query, {"week": str(MONDAY)})}
    assert weekly
    assert {mood: count for mood, count in recap.listens.items() if count} == weekly


@pytest.mark.parametrize("name", ["Ada $x$ \\frac", "😀🎧", "שלום", "x" * 300, ""])
def test_the_picture_is_a_png_whatever_the_name(tmp_path: Path, name: str, recwarn: pytest.WarningsRecorder) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    recap = replace(_recap({"Calm": 3, "Sad": 1}, {"Calm": 1}), display_name=name)
    out = draw_recap(recap, tmp_path / "week.png")
    assert out.read_bytes().startswith(b"\x89PNG")
    assert not [one for one in recwarn if "Glyph" in str(one.message)]


@pytest.mark.parametrize(("title", "drawn"), [("Łódź", "Łódź"), ("\U000e0fff", "no font"), ("夜明け" * 9, "")])
def test_no_name_is_dropped_from_the_picture(title: str, drawn: str) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    recap = replace(_recap({"Calm": 3}, {}), top_track=Most(title, "Band", 3), top_artist=Most("", title, 3))
    figure = recap_figure(recap)
    words = [one.get_text() for one in figure.texts]
    assert sum(drawn in word and (title[0] in word or "no font" in word) for word in words) == 2


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2026, 11, 16), date(2026, 11, 22), "16–22 Nov 2026"),
        (date(2026, 9, 28), date(2026, 10, 4), "28 Sep – 4 Oct 2026"),
        (date(2026, 12, 28), date(2027, 1, 3), "28 Dec 2026 – 3 Jan 2027"),
    ],
)
def test_a_week_is_written_as_people_write_it(first: date, last: date, said: str) -> None:
    assert date_range(first, last) == said


@pytest.mark.parametrize(("listens", "said"), [(0, "no listens"), (1, "1 listen"), (2000, "2\u202f000 listens")])
def test_the_picture_counts_listens_in_words(listens: int, said: str) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    assert recap_figure(_recap({"Calm": listens}, {})).texts[1].get_text() == f"16–22 Nov 2026: {said}"


WIDEST = "W" * 48
NOTHING: dict[str, int] = {}
ALL_MOODS = ({"Calm": 9, "Energetic": 30, "Happy": 8, "Sad": 14, "Unlabelled": 20}, {"Calm": 20, "Happy": 60})


@pytest.mark.parametrize(
    ("period", "begins", "name", "listens", "before"),
    [
        (WEEK, None, "Ada", *ALL_MOODS),
        (MONTH, MONDAY, "x" * 300, *ALL_MOODS),
        (YEAR, MONDAY, "שלום", *ALL_MOODS),
        *((period, begins, WIDEST, *ALL_MOODS) for period, begins in ((WEEK, None), (MONTH, MONDAY), (YEAR, MONDAY))),
        (WEEK, None, WIDEST, NOTHING, NOTHING),
        (MONTH, MONDAY, WIDEST, NOTHING, {"Sad": 3}),
        (YEAR, MONDAY, WIDEST, {"Calm": 1}, NOTHING),
        (MONTH, MONDAY, WIDEST, {"Calm": 12_000}, {"Sad": 12_000}),
    ],
)
def test_every_word_of_the_picture_can_be_read_on_a_phone(
    period: Period, begins: date | None, name: str, listens: dict[str, int], before: dict[str, int]
) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    from matplotlib.text import Text

    top = Most(name, name * 2, 12_345)
    recap = replace(_recap(listens, before), display_name=name, minutes=123_456, top_track=top, top_artist=top)
    many = {Unit.WEEK: 7, Unit.MONTH: 30, Unit.YEAR: 12}[period.unit]
    recap = replace(recap, period=period, parts=(recap.listens,) * many, begins=begins)
    figure = recap_figure(recap)
    figure.canvas.draw()
    words = [one for one in figure.findobj(Text) if one.get_text().strip() and one.get_visible()]
    boxes = [(one.get_text(), one.get_window_extent()) for one in words]
    for at, (word, box) in enumerate(boxes):
        assert box.height >= 20 or word == "·", word  # of 1080, which a phone shows on some 6 cm
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, word  # noqa: PT018
        assert not [other for other, there in boxes[at + 1 :] if box.overlaps(there)], word


@given(st.lists(st.text(min_size=1, max_size=300), min_size=2, max_size=2, unique=True))
def test_each_person_has_a_picture_of_their_own(ids: list[str]) -> None:
    names = [picture_name(user_id) for user_id in ids]
    assert names[0] != names[1]
    assert all(len(name) < 200 and not set("/\\:\0") & set(name) for name in names)


def test_a_persons_pictures_are_forgotten_and_no_other_ones(tmp_path: Path) -> None:
    for week in (MONDAY, date(2026, 11, 9)):
        for user_id in ("ada", "[ad]a", "adam"):
            file = picture_file(tmp_path, replace(_recap({}, {}), user_id=user_id, period=period_with(Unit.WEEK, week)))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"")
    assert forget_pictures(tmp_path, "ada") == 2
    assert {file.name for file in (tmp_path / "recaps").rglob("*.png")} == {"%5Bad%5Da.png", "adam.png"}
    assert forget_pictures(tmp_path / "nothing", "ada") == 0


def test_the_command_writes_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 200)
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path))
    done = CliRunner().invoke(command, ["--week", "2026-11-18", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["monday"] == "2026-11-16"
    assert said["sentences"]


@pytest.mark.parametrize("period", [MONTH, YEAR])
def test_a_months_and_a_years_counts_are_those_of_the_views(tmp_path: Path, database_url: str, period: Period) -> None:
    with workspace(tmp_path, database_url) as space:
        add_history(space, 600)
        with space.database.write() as connection:
            connection.execute(text("UPDATE listens SET ms_played = 180000"))
        recap = _read(space, period)
        days = {"first": str(period.first), "last": str(period.last)}
        with space.database.read() as connection:
            heard = connection.execute(
                text(
                    "SELECT track, artists, count(*) AS n FROM mood_history WHERE local_day >= :first"
                    " AND local_day <= :last GROUP BY track_id, track, artists ORDER BY n DESC, track_id"
                ),
                days,
            ).all()
            moods = connection.execute(
                text("SELECT mood, sum(listens) FROM mood_daily WHERE day >= :first AND day <= :last GROUP BY mood"),
                days,
            ).all()
    assert recap.minutes == 3 * recap.total
    assert recap.top_track == Most(*heard[0])
    assert recap.total == sum(row.n for row in heard) == sum(sum(part.values()) for part in recap.parts)
    assert {mood: count for mood, count in recap.listens.items() if count} == dict(map(tuple, moods))
    assert set(recap.top_of_mood) == {mood for mood, _ in moods} - {"Unlabelled"}
    assert recap.top_artist is not None


def test_the_first_partial_period_is_said_to_be_one(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 90)  # from 15 Nov on
        begun = " ".join(_read(space).sentences())
        month = " ".join(_read(space, MONTH).sentences())
        complete = " ".join(_read(space, period_with(Unit.WEEK, NOW.date())).sentences())
    assert "The history begins on 15 Nov 2026, so no whole week before can be compared." in begun
    assert "more than" not in begun
    assert "so this month is incomplete" in month
    assert "The month is not over: it is counted up to 24 Nov 2026." in month
    assert "the same days of the week before" in complete
    assert "The week is not over" in complete


def test_a_period_that_is_not_over_is_compared_with_as_many_days(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 600)
        recap = _read(space, period_with(Unit.WEEK, NOW.date()))
        with space.database.read() as connection:
            days = "SELECT count(*) FROM mood_history WHERE local_day IN ('2026-11-16', '2026-11-17')"
            assert sum(recap.before.values()) == connection.scalar(text(days))


def test_minutes_songs_and_the_busiest_day_are_said() -> None:
    most = Most("Song", "Band", 12)
    recap = replace(_recap({"Happy": 20}, {}), minutes=61, top_track=most, top_artist=replace(most, title=""))
    parts = [{"Happy": 1}] * 6 + [{"Happy": 14}]
    said = replace(recap, parts=parts, top_of_mood={"Happy": most}).sentences()
    assert "That is 61 minutes of music." in said
    assert "Most played: Song by Band, 12 times." in said
    assert "Top artist: Band, 12 times." in said
    assert "Top song: Happy: Song by Band." in said
    assert "Most listens were on Sunday: 14." in said
    assert recap.headline() == "61 minutes, most often happy music"
    alone = replace(recap, parts=[{"Happy": 20}] + [{"Happy": 0}] * 6).sentences()
    assert not [sentence for sentence in alone if sentence.startswith("Most listens")], "all listens are not most"


def test_one_listen_is_no_leading_mood() -> None:
    said = _recap({"Happy": 1}, {}).sentences()
    assert "It was happy music." in said
    assert "1 of 1" not in " ".join(said)


def _said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path))
    monkeypatch.delenv("MOODLOG_DATABASE_URL", raising=False)
    return CliRunner().invoke(command, list(words))


def test_months_and_years_can_be_named_or_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 600)
    month = json.loads(_said(tmp_path, monkeypatch, "--month", "2026-10", "--json").stdout)
    assert (month["unit"], month["first"], month["last"], len(month["days"])) == (
        "month",
        "2026-10-01",
        "2026-10-31",
        31,
    )
    year = json.loads(_said(tmp_path, monkeypatch, "--year", "2026", "--json").stdout)
    assert (year["begins"], len(year["months"])) == ("2026-09-21", 12)
    assert "in 2026" in _said(tmp_path, monkeypatch, "--year", "--user", "ada").stdout, "the first year has not ended"
    wrong = _said(tmp_path, monkeypatch, "--month", "--year", "2026")
    assert wrong.exit_code == 2
    assert "--month, --year" in wrong.output
    assert "2026-11" in _said(tmp_path, monkeypatch, "--month", "November").output


def test_nobody_connected_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path))
    monkeypatch.delenv("MOODLOG_DATABASE_URL", raising=False)
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 0
    assert "No account is connected yet" in done.stderr


def test_a_leading_mood_has_its_interval_where_there_is_one(tmp_path: Path, database_url: str) -> None:
    recap = _recap({"Happy": 30, "Sad": 10}, {})
    said = " ".join(replace(recap, expected={"Happy": 0.6}, intervals={"Happy": (0.4, 0.85)}).sentences())
    counts = "counts only the most probable mood of each listen; with every mood counted by its probability, "
    assert f"{counts}Happy has 60% (40 to 85%, 90% interval)" in said
    with workspace(tmp_path, database_url) as space:
        add_history(space, 400)
        read = _read(space)
    assert set(read.intervals) == set(MOODS)
    assert all(0 <= low <= read.expected[mood] <= high <= 1 for mood, (low, high) in read.intervals.items())
