"""Days as options: every command that takes one says in the same words what it wants."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli import main


@pytest.mark.parametrize("words", ["history --from", "history --to", "report --from", "recap --week", "run --from"])
@pytest.mark.parametrize("day", ["2026-13-01", "yesterday", ""])
def test_what_is_no_day_is_refused_with_one_that_is(home: Path, words: str, day: str) -> None:
    done = CliRunner().invoke(main, [*words.split(), day])
    assert done.exit_code == 2
    assert f"{day!r} is not valid; write it like 2026-11-24." in done.stderr
    assert not home.exists()


@pytest.mark.parametrize("command", ["history", "report", "run"])
def test_days_the_wrong_way_round_are_refused(home: Path, command: str) -> None:
    done = CliRunner().invoke(main, [command, "--from", "2026-11-24", "--to", "2026-11-01"])
    assert done.exit_code == 2
    said = "moodlog: the first day, 2026-11-24, is after the last one, 2026-11-01; swap them"
    assert done.stderr.splitlines()[-1] == said
