"""What moodlog writes of people, only its owner can read: whatever the umask, wherever it lies."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from flows.server.process_lock import ProcessLock
from mood_core.errors import StoreError
from mood_core.features.catalog.file_list import add_to_list
from mood_core.files.private import append_private, file_stem, make_private_file, write_private
from mood_core.spotify.key_file import write_keys
from mood_core.store import open_database
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.usecases.people.export_person import _csv
from standin import StandIn
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


def test_the_doctor_reports_what_others_can_read(home: Path) -> None:
    _run("status")
    for path in (home, home / "moodlog.db"):
        path.chmod(0o755)
        said = CliRunner().invoke(main, ["doctor", "--json"]).output
        assert f"chmod go-rwx {path}" in said
        path.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_doctor_looks_at_every_file_with_a_secret(home: Path) -> None:
    _run("status")
    (home / "prefect").mkdir(mode=0o755)
    others = (home.parent / ".env", home / ".env", home / "moodlog.db.damaged-20261101T000000Z", home / "token.key")
    for path in (*others, home / "moodlog-20261101T000000Z", home / "prefect" / "server.json"):
        path.touch()
        path.chmod(0o640)
    said = CliRunner().invoke(main, ["doctor", "--json"]).output
    for path in (*others, home / "moodlog-20261101T000000Z", home / "prefect", home / "prefect" / "server.json"):
        assert f"chmod go-rwx {path}" in said
        path.chmod(path.stat().st_mode & 0o700)
    assert "chmod" not in CliRunner().invoke(main, ["doctor"]).output
    os.chown(home / "token.key", 65534, 65534)
    done = CliRunner().invoke(main, ["doctor", "--json"])
    assert (done.exit_code, "chown root" in done.output) == (1, True)


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

    dangerous = ['=HYPERLINK("http://evil","win")', "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1"]
    dangerous += [f"{sign}1+1" for sign in "\uff1d\uff0b\uff0d\uff20"]
    dangerous += [
        f"{control}=1+1" for control in "\u00ad\u034f\u180e\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u200b\ufeff"
    ]
    dangerous += [f"{sign}1+1" for sign in "\ufe66\ufe62\ufe63\ufe6b\u207a\u207c"]
    dangerous += ["\u202egpj.exe", "\u200f\u202e\uff1d1"]
    titles = [*dangerous, "plain", "a=b", "1 - 2", None]
    table = pa.table({"track": titles, "loudness": [-7.5] * len(titles)})
    _csv(lambda: iter([table]), written := io.BytesIO())
    rows = list(csv.reader(io.StringIO(written.getvalue().decode(), newline="")))[1:]
    assert [row[0] for row in rows] == [*(f"'{title}" for title in dangerous), "plain", "a=b", "1 - 2", ""]
    assert {row[1] for row in rows} == {"-7.5"}


def _link_at(path: Path, target: Path) -> Path:
    target.write_text("precious")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    return target


@pytest.mark.parametrize("what", list(NamedLock))
def test_a_lock_file_that_is_a_link_is_refused_and_its_target_untouched(tmp_path: Path, what: NamedLock) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'moodlog.db'}")
    target = _link_at(tmp_path / f"moodlog.db-{what.name.lower()}", tmp_path / "victim")
    with pytest.raises(StoreError, match=r"symbolic link; remove it"), named_lock(database, what):
        pass
    dangling = tmp_path / "not-there"
    (tmp_path / f"moodlog.db-{what.name.lower()}").unlink()
    (tmp_path / f"moodlog.db-{what.name.lower()}").symlink_to(dangling)
    with pytest.raises(StoreError, match="symbolic link"), named_lock(database, what):
        pass
    database.close()
    assert (target.read_text(), dangling.exists()) == ("precious", False)


def _write_names(path: Path) -> None:
    write_private(path, b"x")


def _append(path: Path) -> None:
    append_private(path).close()


def _process_lock(path: Path) -> None:
    ProcessLock(path).acquire({"pid": 1})


@pytest.mark.parametrize("write", [_write_names, _append, _process_lock])
def test_nothing_of_home_is_written_through_a_link(tmp_path: Path, write: Callable[[Path], None]) -> None:
    target = _link_at(tmp_path / "link", tmp_path / "victim")
    with pytest.raises(OSError, match=r"symbolic links"):
        write(tmp_path / "link")
    assert target.read_text() == "precious"


def test_keys_and_the_list_of_catalogues_replace_a_link(home: Path, tmp_path: Path) -> None:
    targets = [_link_at(home / name, tmp_path / f"victim-{name}") for name in ("keys", "list")]
    write_keys(home / "keys", ["key"])
    add_to_list(home / "list", "/music/features.parquet")
    assert [target.read_text() for target in targets] == ["precious"] * 2
    assert not any((home / name).is_symlink() for name in ("keys", "list"))
