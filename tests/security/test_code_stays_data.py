"""Nothing from outside is run, expanded or searched without bound: no XML, pickle, shell or exponential regex."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.lake.schema import LISTENS, TRACKS, USERS
from mood_core.usecases.batches import Batches
from tests.store_data import NOW, listens, query, tracks, users

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for package in ("mood_core", "flows", "standin") for path in (ROOT / package).rglob("*.py"))
_RUNS_OR_EXPANDS = {"xml", "lxml", "xmltodict", "pickle", "marshal", "shelve", "dill", "joblib", "code", "pty"}
_CALLS = {"eval", "exec", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", ["mood_core", "flows", "standin"])
def test_no_module_parses_xml_or_runs_data(package: str) -> None:
    found = []
    for path in (path for path in SOURCES if path.is_relative_to(ROOT / package)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [(path.name, name) for name in _imports(tree) if name in _RUNS_OR_EXPANDS]
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        found += [(path.name, name) for call in calls if (name := ast.unparse(call.func)) in _CALLS]
        found += [(path.name, "shell=True") for call in calls for word in call.keywords if word.arg == "shell"]
    assert found == []


def _patterns() -> Iterator[tuple[str, str]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.fullmatch(r"re\.\w+", ast.unparse(node.func)) and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield path.name, first.value


def _nested(parsed: Any, inside: bool = False) -> bool:
    """Whether an unbounded repeat is inside an unbounded repeat: only then can a search take exponential time."""
    for kind, value in parsed:
        parts: list[Any] = []
        repeats = kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT) and value[1] == _constants.MAXREPEAT
        if repeats and inside:
            return True
        if kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            parts = [value[2]]
        elif kind is _constants.SUBPATTERN:
            parts = [value[3]]
        elif kind is _constants.BRANCH:
            parts = value[1]
        if any(_nested(part, inside or repeats) for part in parts):
            return True
    return False


def test_no_regular_expression_repeats_a_repeat() -> None:
    patterns = list(_patterns())
    assert len(patterns) > 10
    assert _nested(_parser.parse("(a+)+b"))
    nested = [(name, pattern) for name, pattern in patterns if _nested(_parser.parse(pattern))]
    # Reads the comments of our own SQL: each repeat begins and ends with a sign that the inner one cannot match.
    assert nested == [("view_comments.py", r"(?:-- .*\n)+")]


_INJECTIONS = [
    "ada' OR '1'='1",
    "x'; DROP TABLE listens; --",
    'ada" OR ""="',
    "%",
    "ada\\' --",
    "') UNION SELECT token FROM _accounts --",
]


@pytest.mark.parametrize("name", _INJECTIONS)
def test_a_name_is_a_value_and_no_sql(home: Path, name: str) -> None:
    with Workspace() as workspace:
        batches = Batches(workspace.lake, workspace.database)
        batches.add(USERS, users(("ada", "UTC")), now=NOW)
        batches.add(TRACKS, tracks("t0"), now=NOW)
        batches.add(LISTENS, listens([("ada", NOW, "t0")]), now=NOW)
    output = str(home.parent / "out.zip")
    for command in (
        ["history", "--user", name],
        ["export", "--user", name, "--output", output],
        ["forget", "--user", name, "--yes"],
        ["users", "pause", name],
        ["relabel", "--user", name],
    ):
        done = CliRunner().invoke(main, command)
        assert done.exit_code != 0, (command, done.output)
        assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
    with Workspace() as workspace:
        assert query(workspace.database, "SELECT count(*) FROM listens") == [(1,)]
