"""The markdown picture of a nightly run: its counts are the view's, and a name is no markup."""

from pathlib import Path

from mood_core.report.mood_markdown import mood_markdown
from tests.report_history import NOW, add_history, workspace


def test_rows_hold_the_days_and_their_bars(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        add_history(space, 60)
        drawn = mood_markdown(space.database, NOW.date())
    rows = [line.split(" | ") for line in drawn.splitlines() if line.startswith("| &lt;img")]
    assert len(rows) == 7
    assert all(len(row[2].strip("`")) == 24 for row in rows)
    assert "<img" not in drawn


def test_no_listens_are_said(tmp_path: Path) -> None:
    with workspace(tmp_path) as space:
        assert mood_markdown(space.database, NOW.date()).startswith("No listens from 2026-11-18")
