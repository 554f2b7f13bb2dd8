"""The year in review: its cards say what the recap says, and show any name as text inside the card."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from PIL import Image

from mood_core.cli.recap import command
from mood_core.domain.mood_style import LOOKS
from mood_core.domain.records import MOODS
from mood_core.report.card_pictures import card_figure
from mood_core.report.cards import HEIGHT, WIDTH, cards, drawn_cards, points, render_cards, width_of, wrapped
from mood_core.report.page import is_page, shows_person
from mood_core.report.read_recap import read_recap
from mood_core.report.recap import Most, Recap, no_listens
from mood_core.report.recap_period import Unit, period_with
from tests.report_history import NOW, USER, add_history, workspace

_YEAR = period_with(Unit.YEAR, date(2026, 1, 1))


@pytest.fixture
def recap(tmp_path: Path) -> Recap:
    with workspace(tmp_path) as space:
        add_history(space, 300)
        return read_recap(space.database, space.accounts.all()[0], _YEAR, NOW)


def test_each_card_is_a_picture_with_the_recaps_numbers(recap: Recap) -> None:
    titles = [card.title for card in cards(recap)]
    assert titles == ["2026", "The moods", "Month by month", "Most played", "Top artist", "A song of each mood"]
    for _, svg in drawn_cards(recap):
        root = ET.fromstring(svg)  # noqa: S314 - its own
        assert (root.get("width"), root.get("height")) == ("1080", "1350")
        assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "rect", "text", "circle"}
        assert USER.display_name in "".join(root.itertext())
    moods = unescape(drawn_cards(recap)[1][1])
    for mood, (low, high) in recap.intervals.items():
        assert low <= recap.expected[mood] <= high
        doubt = f"expected {recap.expected[mood]:.0%} ({100 * low:.0f}–{100 * high:.0f}%)"
        assert f"n = {recap.listens[mood]}; {doubt}" in moods
    assert moods.count("<rect") == 1 + 3 * len(MOODS)  # the ground; a sign, a track and a bar each, and no interval


def test_a_thin_year_has_whole_intervals_grey_shares_and_no_empty_card(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 6, ["Energetic"])
        recap = read_recap(space.database, space.accounts.all()[0], _YEAR, NOW)
    drawn = dict(drawn_cards(recap))
    assert list(drawn) == ["2026", "The moods", "Month by month", "Most played", "Top artist"]
    moods = unescape(drawn["The moods"])
    low, high = recap.intervals["Calm"]
    assert (low, recap.listens["Calm"]) == (0, 0)
    assert high > 0.2
    assert f"n = 0; expected 8% (0–{100 * high:.0f}%)" in moods
    assert "Only 6 listens" in moods
    bars = ET.fromstring(drawn["The moods"]).findall("{*}rect[@rx='13']")  # noqa: S314 - its own
    assert {bar.get("fill") for bar in bars} == {LOOKS["light"]["track"], LOOKS["light"]["edge"]}
    assert ">Unlabelled</text>" in drawn["Month by month"]


def test_few_listens_of_the_year_before_are_not_compared() -> None:
    listens, before = no_listens() | {"Sad": 30}, no_listens() | {"Sad": 9}
    assert not [
        card for card in cards(Recap("ada", "Ada", _YEAR, listens, before, [listens] * 12)) if card.kind == "changes"
    ]
    enough = Recap("ada", "Ada", _YEAR, listens, listens, [listens] * 12)
    assert cards(enough)[-1].kind == "changes"
    assert "The line is the share of 2025<" in drawn_cards(enough)[-1][1]


def test_a_year_that_is_not_over_says_what_is_counted_and_compared() -> None:
    listens = no_listens() | {"Sad": 30}
    recap = Recap("ada", "Ada", _YEAR, listens, listens, [listens] * 12, until=date(2026, 11, 28))
    page = render_cards(recap)
    assert "<h1>Ada, 2026, up to 28 Nov</h1>" in page
    assert 'data-name="moodlog-2026-1"' in page
    assert "listens up to 28 Nov</text>" in page
    assert "The line is the share of the same days of 2025<" in page
    assert "up to" not in render_cards(replace(recap, until=None))


def test_a_name_of_a_usual_length_is_whole_in_the_head_of_a_card(recap: Recap) -> None:
    name = "Maximiliane Oberhuber-Wagner"
    assert f"{name} · 2026" in drawn_cards(replace(recap, display_name=name))[0][1]


def test_a_year_without_listens_has_no_cards() -> None:
    parts = [no_listens() for _ in range(12)]
    assert cards(Recap("ada", "Ada", _YEAR, no_listens(), no_listens(), parts)) == []


def test_texts_of_any_script_and_length_fit_on_drawn_cards() -> None:
    listens = dict.fromkeys(no_listens(), 4_000_000)
    titles = ("W" * 300, "日本語の歌" * 9, "אודיו נמסטה " * 9, "😀🎧\uffff<b>")
    recap = Recap(
        "ada",
        "MMMM " * 40,
        _YEAR,
        listens,
        listens,
        [listens] * 12,
        minutes=30_000_000,
        top_track=Most("ไม่มีช่องว่าง" * 9, "W" * 300, 1_000_000),
        top_artist=Most("", "أغنية جميلة " * 20, 1),
        top_of_mood={mood: Most(title, title, 1_000_000) for mood, title in zip(MOODS, titles, strict=True)},
        expected=dict.fromkeys(MOODS, 0.25),
        intervals=dict.fromkeys(MOODS, (0.2, 0.3)),
    )
    for _, svg in drawn_cards(recap):
        for text in card_figure(svg).axes[0].texts:
            box = text.get_window_extent()
            assert 0 <= box.x0 <= box.x1 <= WIDTH, text.get_text()
            assert "&#39;" not in text.get_text()


def test_the_command_draws_each_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 30)
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path))
    done = CliRunner().invoke(command, ["--year", "2026", "--cards", str(tmp_path / "cards")], catch_exceptions=False)
    assert done.exit_code == 0
    files = sorted((tmp_path / "cards").iterdir())
    assert [file.name for file in files] == [f"ada-2026-{number}.png" for number in range(1, 7)]
    for file in files:
        assert str(file) in done.output
        assert file.stat().st_mode & 0o077 == 0
        with Image.open(file) as picture:
            assert picture.size == (WIDTH, HEIGHT)
    refused = CliRunner().invoke(command, ["--month", "2026-11", "--cards", str(tmp_path)])
    assert "cards are for a year" in str(refused.exception)


@pytest.mark.parametrize(
    ("options", "file"), [(("--out", "week.png"), "week.png"), (("--year", "2026", "--cards", "."), "ada-2026-2.png")]
)
def test_no_picture_of_another_program_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], file: str
) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 30)
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (4, 4)).save(file)
    mine = Path(file).read_bytes()
    refused = CliRunner().invoke(command, options)
    assert f"{file} is not a picture of moodlog" in str(refused.exception)
    assert Path(file).read_bytes() == mine
    assert [one.name for one in tmp_path.glob("*.png")] == [file], "no card is drawn before the refusal"
    Path(file).write_bytes(b"")
    for _ in range(2):  # an empty file, and a picture of moodlog
        assert CliRunner().invoke(command, options, catch_exceptions=False).exit_code == 0
        with Image.open(file) as picture:
            assert picture.info["Software"] == "moodlog"


@pytest.mark.parametrize(("change", "words"), [(0.4, "±0 points"), (1.2, "+1 point"), (-1.0, "\N{MINUS SIGN}1 point")])
def test_changes_are_whole_points(change: float, words: str) -> None:
    assert points(change) == words


@pytest.mark.parametrize("title", ["x" * 300, "a b " * 100, "日本語" * 40, "", "ok", "שלום " * 30])
def test_any_title_fits_in_three_lines(title: str) -> None:
    lines = wrapped(title, 9)
    assert len(lines) <= 3
    assert all(width_of(line) <= 10 for line in lines)


def test_the_file_is_a_page_that_runs_only_its_own_script(recap: Recap, tmp_path: Path) -> None:
    page = render_cards(recap)
    assert "<img src=x" not in page
    assert "default-src 'none'" in unescape(page)
    assert page.count("Save picture: ") == len(cards(recap))
    assert "@media print{.story{display:grid" in page, "on paper no card is cut off"
    assert "prefers-color-scheme:dark" in page
    (tmp_path / "year.html").write_text(page, encoding="utf-8")
    assert is_page(tmp_path / "year.html")
    assert shows_person(tmp_path / "year.html", "ada")


def test_the_command_writes_cards_of_a_year_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 30)
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path))
    out = tmp_path / "year.html"
    done = CliRunner().invoke(command, ["--year", "2026", "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0
    assert out.stat().st_mode & 0o077 == 0
    refused = CliRunner().invoke(command, ["--month", "2026-11", "--out", str(out)])
    assert "cards are for a year" in str(refused.exception)
