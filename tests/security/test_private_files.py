"""What moodlog writes of people, only its owner can read: whatever the umask, wherever it lies."""

from __future__ import annotations

import io
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.pipeline.export_person import _csv
from mood_core.private_files import file_stem, make_private_file
from mood_core.standin import StandIn
from tests.nights import connect_listeners, one_night, point_at, workspace_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows keeps who may read elsewhere")


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def _run(*arguments: str) -> Result:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done


def _open_to_others(*roots: Path) -> list[str]:
    found = [path for root in roots for path in (root, *root.rglob("*"))]
    assert len(found) > len(roots)
    return [f"{path} {path.stat().st_mode:o}" for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.mark.usefixtures("_umask")
def test_after_a_night_and_all_that_follows(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = home.parent / "elsewhere"
    point_at(standin, monkeypatch)
    monkeypatch.setenv("MOODLOG_LAKE_URL", str(elsewhere / "a" / "lake"))
    monkeypatch.setenv("MOODLOG_DATABASE_URL", f"sqlite:///{elsewhere / 'b' / 'moodlog.db'}")
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        one_night(workspace)
        wal = elsewhere / "b" / "moodlog.db-wal"
        assert wal.exists(), "the test sees the files that SQLite makes beside the database"
        assert _open_to_others(home, elsewhere) == []
        _run("compact", "--before", "2030-01")
    (out := home.parent / "out").mkdir(mode=0o700)
    _run("export", "--user", ids[0], "--output", str(out / "mine.zip"))
    _run("report", "--out", str(out / "report.html"))
    _run("keys", "rotate")
    _run("catalog", "list")
    assert _open_to_others(home, elsewhere, out) == []
    assert "chmod" not in CliRunner().invoke(main, ["doctor"]).output


def test_the_doctor_tells_what_others_can_read(home: Path) -> None:
    _run("status")
    for path in (home, home / "moodlog.db"):
        path.chmod(0o755)
        said = CliRunner().invoke(main, ["doctor", "--json"]).output
        assert f"chmod go-rwx {path}" in said
        path.chmod(0o700)


def test_no_person_is_called_out_of_a_folder() -> None:
    for identifier in ("../../etc/passwd", "/abs", "a/b", "..", "a\\b", "x" * 5000, "ü" * 200, "con\0"):
        stem = file_stem(identifier)
        assert Path(f"moodlog-{stem}.zip").parent == Path()
        assert len(f"moodlog-{stem}.zip") < 255
    assert file_stem("31xyzabc.d-e_f") == "31xyzabc.d-e_f"


def test_making_the_file_costs_no_connection_its_lock(tmp_path: Path) -> None:
    """Two threads open a new database at once: closing SQLite's file in between would drop a lock that one holds."""
    file = tmp_path / "moodlog.db"
    make_private_file(file)
    with sqlite3.connect(file, isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        threads = [threading.Thread(target=make_private_file, args=(file,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with sqlite3.connect(file, timeout=0) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("CREATE TABLE t (a)")
    holder.close()
    assert [path.name for path in tmp_path.iterdir()] == ["moodlog.db"]


def test_a_spreadsheet_runs_nothing_of_an_export() -> None:
    import pyarrow as pa

    titles = ['=HYPERLINK("http://evil","win")', "+1", "-1+1", "@SUM(A1)", "\t=1", "plain", "a=b", None]
    table = pa.table({"track": titles, "loudness": [-7.5] * len(titles)})
    _csv(lambda: iter([table]), written := io.BytesIO())
    cells = written.getvalue().decode().splitlines()[1:]
    assert all(cell.startswith("\"'") for cell in cells[:5])
    assert cells[5:7] == ['"plain",-7.5', '"a=b",-7.5']
    assert all(cell.endswith(",-7.5") for cell in cells)
