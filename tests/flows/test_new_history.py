"""The database of a new Prefect server, made by moodlog, is the one that Prefect makes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.prefect

_CREATE = """
import sys
from pathlib import Path
from flows.server.new_history import create_history
create_history(Path(sys.argv[1]))
"""
_PREFECT = """
import asyncio
from prefect.server.database import provide_database_interface
asyncio.run(provide_database_interface().create_db())
"""


def _run(home: Path, code: str, **environment: str) -> str:
    home.mkdir(exist_ok=True)
    given = {**os.environ, "PREFECT_HOME": str(home), **environment}
    done = subprocess.run(
        [sys.executable, "-c", code, str(home)], env=given, capture_output=True, text=True, check=True
    )
    return done.stderr


def _schema(home: Path) -> set[tuple[object, ...]]:
    """The columns and indexes of every table, and the revision. SQLAlchemy writes constraints in a random order."""
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        indexes = list(database.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type <> 'table'"))
        columns = [(table, *one) for table in tables for one in database.execute(f"PRAGMA table_xinfo({table})")]
        keys = [(table, *one[2:]) for table in tables for one in database.execute(f"PRAGMA foreign_key_list({table})")]
        return {*indexes, *columns, *keys, *database.execute("SELECT version_num FROM alembic_version")}


@pytest.mark.slow
def test_the_database_is_the_one_that_prefect_makes(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert _run(ours, _CREATE) == ""
    _run(theirs, _PREFECT)
    assert _schema(ours) == _schema(theirs)
    assert [path.name for path in ours.glob("*") if path.suffix == ".draft"] == []
    before = (ours / "prefect.db").read_bytes()
    _run(ours, _CREATE)
    assert (ours / "prefect.db").read_bytes() == before, "a database that exists is Prefect's to migrate"


def test_a_database_elsewhere_is_left_to_prefect(tmp_path: Path) -> None:
    other = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"
    said = _run(tmp_path / "home", _CREATE, PREFECT_API_DATABASE_CONNECTION_URL=other)
    assert "Prefect creates its database itself" in said
    assert not list(tmp_path.rglob("*.db*"))
