"""The year in review: its cards say what the recap says, and show any name as text inside the card."""

from __future__ import annotations

from datetime import date
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from mood_core.cli.recap import command
from mood_core.report.cards import cards, drawn_cards, render_cards, width_of, wrapped
from mood_core.report.page import is_page, shows_person
from mood_core.report.read_recap import read_recap
from mood_core.report.recap import Recap, no_listens
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
    moods = drawn_cards(recap)[1][1]
    for mood in recap.intervals:
        assert f"n = {recap.listens[mood]}" in moods


def test_a_year_without_listens_has_no_cards() -> None:
    parts = [no_listens() for _ in range(12)]
    assert cards(Recap("ada", "Ada", _YEAR, no_listens(), no_listens(), parts)) == []


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
