"""What docs/store.md says about reading and backing up, done as it says."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS
from mood_core.store import open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.sql_files import sql_folder
from mood_core.usecases.batches import Batches
from mood_core.usecases.upkeep.verify_lake import verify
from tests.store_data import NOW, all_digests, listens, query, small_history

PAGE = (sql_folder().parent / "docs" / "store.md").read_text(encoding="utf-8")
LINES = [line for line in re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1].splitlines() if line]  # type: ignore[index]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.partition(";")[0].removeprefix("import "))
def test_others_open_the_lake(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec(line.partition(";")[0].removeprefix("import ").partition(".")[0]) is None:
        pytest.skip("not installed here")
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(database, now=NOW)
    small_history(open_lake(str(tmp_path / "lake")), database)
    database.close()
    monkeypatch.chdir(tmp_path / "lake")
    statement, _, expression = line.partition("; ")
    names: dict[str, Any] = {}
    exec(statement, names)  # noqa: S102 - our own page
    found = eval(expression, names)  # noqa: S307
    assert (sum(row[1] for row in found) if isinstance(found, list) else len(found)) == 96


def test_a_backup_in_the_documented_order_is_whole_while_a_writer_is_at_it(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'moodlog.db'}")
    migrate(database, now=NOW)
    lake = open_lake(str(tmp_path / "lake"))
    small_history(lake, database)
    (tmp_path / "backup").mkdir()
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO sources (source) VALUES ('not committed')")
        with sqlite3.connect(tmp_path / "moodlog.db") as copying:
            copying.execute(f"VACUUM INTO '{tmp_path / 'backup' / 'moodlog.db'}'")
        copying.close()
    late = listens([("ada", NOW, "t1")])
    Batches(lake, database).add(LISTENS, late, now=NOW)
    shutil.copytree(tmp_path / "lake", tmp_path / "backup" / "lake")
    copied, copy = (
        open_database(f"sqlite:///{tmp_path / 'backup' / 'moodlog.db'}"),
        open_lake(f"{tmp_path}/backup/lake"),
    )
    assert [finding.kind for finding in verify(copy, copied, now=NOW).findings] == ["unloaded"]
    assert Batches(copy, copied).finish(now=NOW) == 1
    assert all_digests(copied) == all_digests(database)
    assert query(copied, "SELECT count(*) FROM sources WHERE source = 'not committed'") == [(0,)]
    copied.close()
    database.close()
