"""The recap: its counts are the views' own, and its sentences say what changed."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from mood_core.cli.recap import command
from mood_core.report.recap import Recap, last_full_week, read_recap
from mood_core.report.recap_picture import draw_recap
from tests.report_history import add_history, workspace

MONDAY = date(2026, 11, 16)


def _recap(listens: dict[str, int], before: dict[str, int]) -> Recap:
    nothing = dict.fromkeys(("Calm", "Energetic", "Happy", "Sad", "Unlabelled"), 0)
    return Recap("ada", "Ada $x$ \\frac", MONDAY, nothing | listens, nothing | before, (nothing | listens,) * 7, None)


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 11, 29)])
def test_last_full_week_has_ended(day: date) -> None:
    assert last_full_week(day) == MONDAY


def test_sentences_compare_with_the_week_before() -> None:
    said = _recap({"Happy": 6, "Sad": 2}, {"Happy": 2, "Sad": 2}).sentences()
    assert said[0].endswith("listened 8 times from 2026-11-16 to 2026-11-22, 4 more than the week before.")
    assert said[1] == "Happy led with 75 %, 25 points more than the week before."


def test_a_silent_week_is_said() -> None:
    assert "no stored listens" in _recap({}, {"Sad": 3}).sentences()[0]


def test_counts_are_those_of_the_weekly_view(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 200)
        recap = read_recap(space.database, "ada", "Ada", MONDAY)
        with space.database.read() as connection:
            query = text("SELECT mood, listens FROM mood_weekly WHERE user_id = 'ada' AND week = :week")
            weekly = {row.mood: row.listens for row in connection.execute(query, {"week": str(MONDAY)})}
    assert weekly
    assert {mood: count for mood, count in recap.listens.items() if count} == weekly


def test_the_picture_is_a_png_whatever_the_name(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    out = draw_recap(_recap({"Calm": 3, "Sad": 1}, {}), tmp_path / "week.png")
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_command_writes_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 200)
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path))
    done = CliRunner().invoke(command, ["--week", "2026-11-18", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["monday"] == "2026-11-16"
    assert said["sentences"]
