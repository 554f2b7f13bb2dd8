"""Tables in files and for other programs: one line for each row, and people in the order of their names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import LISTENS, TRACKS, USERS
from mood_core.text.names import name_order
from tests.store_data import NOW, listens, set_current, tracks

_NAMES = ["person 10", "person 2", "Zoë", "ada", "Émile of the long name that no column has", *map(str, range(8))]
_ORDERED = [*map(str, range(8)), "ada", "Émile of the long name that no column has", "person 2", "person 10", "Zoë"]
_TRACK = "a" * 22


@pytest.fixture(autouse=True)
def _without_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def people(home: Path) -> Iterator[None]:
    """Thirteen people, whose ids have another order than their names."""
    with Workspace() as workspace:
        users = [User(f"{at:02d}", name, "UTC", NOW) for at, name in enumerate(_NAMES)]
        workspace.batches.add(USERS, users_table(users, NOW), now=NOW)
        workspace.batches.add(TRACKS, tracks(_TRACK), now=NOW)
        rows = [(user.user_id, NOW - timedelta(days=day), _TRACK) for user in users for day in range(2)]
        workspace.batches.add(LISTENS, listens(rows), now=NOW)
        set_current(workspace.database, "m/1")
        workspace.accounts.troubled(["03"], "a problem")
        yield


def _moodlog(*words: str) -> Result:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code in (0, 1), done.output
    return done


def test_numbers_in_names_are_ordered_as_numbers() -> None:
    names = ["b2", "B10", "a", "Ez", "e\u0301f", "É"]
    assert sorted(names, key=name_order) == ["a", "b2", "B10", "É", "e\u0301f", "Ez"]


@pytest.mark.usefixtures("people")
def test_a_history_of_many_people_is_a_line_each_by_name() -> None:
    done = _moodlog("history")
    head, *lines, legend = done.stdout.splitlines()
    assert head.split() == ["person", "○", "▲", "●", "▽", "·", "share"]
    assert "Calm" in legend
    assert [line.rsplit(maxsplit=6)[0].strip() for line in lines] == _ORDERED
    assert {line.split()[-2] for line in lines} == {"2"}
    assert "--by month" in done.stderr
    by_json = _moodlog("history", "--by", "person", "--json").stdout.splitlines()
    assert len(by_json) == len(_NAMES)
    assert '"day"' not in by_json[0]


@pytest.mark.usefixtures("people")
def test_every_line_of_a_history_has_the_whole_name() -> None:
    lines = _moodlog("history", "--by", "day").stdout.splitlines()[1:-1]
    assert len(lines) == 2 * len(_NAMES)
    assert sum(line.startswith(_NAMES[4]) for line in lines) == 2
    listed = _moodlog("history", "--by", "track").stdout
    assert listed.count(_NAMES[4]) == 2


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("words", ["status", "status --all", "users list", "history", "doctor"])
def test_lines_end_with_their_text(words: str) -> None:
    assert [line for line in _moodlog(*words.split()).stdout.splitlines() if line != line.rstrip()] == []


@pytest.mark.usefixtures("people")
def test_people_are_listed_by_name() -> None:
    listed = _moodlog("users", "list").stdout.splitlines()[1:]
    assert [line.split("  ")[1].strip() for line in listed] == _ORDERED
    everything = _moodlog("status", "--all").stdout
    assert everything.index("recently_played") < everything.index("Audio features by person")
    histories = everything[everything.index("History\n") :].split("\n\n")[0].splitlines()[2:]
    assert [line.split("  ")[0].strip() for line in histories] == _ORDERED


@pytest.mark.usefixtures("home")
def test_each_finding_of_doctor_is_one_line_with_its_remedy() -> None:
    lines = _moodlog("doctor").stdout.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "warning", "broken"}
    assert any(len(line) > 80 and " → " in line for line in lines)


_IMPORTS = """
import sys
from flows.cli import main
main(sys.argv[1:], standalone_mode=False)
costly = ("numpy", "pyarrow", "pandas", "prefect", "httpx", "requests", "mood_core.usecases.nightly.label_tracks")
print([name for name in costly if name in sys.modules], len(sys.modules), file=sys.stderr)
"""
_MOST_MODULES = 750
"""Some 500 to 620 are needed; a library such as pandas would add as many."""


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("words", "needed"),
    [("history --by day", []), ("users list", []), ("status", []), ("ask ada --json", ["numpy"])],
)
def test_commands_that_only_read_import_nothing_that_costs_more_than_their_answer(
    words: str, needed: list[str]
) -> None:
    costly, modules = _imported(words)
    assert costly == str(needed)
    assert modules < _MOST_MODULES


@pytest.mark.usefixtures("people")
def test_doctor_imports_one_http_library_and_no_stage_of_a_run() -> None:
    assert _imported("doctor")[0] == str(["numpy", "pyarrow", "httpx"])


def _imported(words: str) -> tuple[str, int]:
    """The costly modules that a command imports, and the number of all modules."""
    command = [sys.executable, "-c", _IMPORTS, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    costly, _, modules = done.stderr.splitlines()[-1].rpartition(" ")
    return costly, int(modules)


@pytest.mark.usefixtures("people")
def test_a_recap_of_many_people_shows_the_first_and_says_where_the_rest_is() -> None:
    done = _moodlog("recap")
    assert len([line for line in done.stdout.splitlines() if " listened " in line]) == 12
    assert "12 of 13" in done.stderr
    assert "--json" in done.stderr
    assert len(_moodlog("recap", "--json").stdout.splitlines()) == 13
