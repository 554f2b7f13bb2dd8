"""Takes a person out of the history of flow runs that moodlog's own server keeps in HOME/prefect.

That is a SQLite file, in which runs, logs, artifacts and events name people for 30 days, and the server's logs. The
file is changed whether the server runs or not: its API deletes neither events nor what deleted rows leave in the file.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from mood_core.errors import StoreBusy, StoreError
from mood_core.store.engine.named_queries import query
from mood_core.store.locks.leases import may_live
from mood_core.text.words_of_a_person import WordsOfAPerson
from mood_core.usecases.people.run_history_rows import HistoryRows, runs_of_strangers
from mood_core.usecases.personal_files import Known, Removed

_DATABASE = "prefect.db"
_KEPT = ("server-password", "server.lock")
_UNWRITTEN_S = 8.0
"""How long the server and its clients keep what they are about to write: logs for 2 s, events for 5 s."""

_WAIT_S = 60.0
_POLL_S = 0.5
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def remove_from_history(folder: Path, words: Collection[str], known: Known | None = None) -> Removed:
    """Remove the person named by ``words`` from the files of ``folder``. Waits until a running server has written all.

    Ended runs for the person are deleted. In active runs, and in runs for all people, only what names the person is
    removed: parameters, log lines, artifacts, events. Deployments and other settings that name them are reported.

    ``known`` finds other people. Ended runs for a person whom it does not find are deleted, too: the name may be a
    misspelt name of the person.

    Raises:
        StoreBusy: Another program holds the database.
        StoreError: The files cannot be written.
    """
    person = WordsOfAPerson(words)
    if not folder.is_dir() or not person:
        return Removed()
    database = folder / _DATABASE
    removed = _clean(database, words, known) if database.exists() else Removed()
    if database.exists() and _server_runs(folder):
        time.sleep(_UNWRITTEN_S)
        again = _clean(database, words, known)
        removed = Removed(removed.runs + again.runs, again.left)
    for path in _other_files(folder):
        _overwrite(path, person)
    return removed


def _server_runs(folder: Path) -> bool:
    try:
        owner = str(json.loads((folder / "server.json").read_text(encoding="utf-8"))["owner"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return may_live(owner)


def _clean(database: Path, words: Collection[str], known: Known | None) -> Removed:
    try:
        address = f"{database.resolve().as_uri()}?mode=rw"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT_S, isolation_level=None)) as opened:
            if ("flow_run",) not in opened.execute(query("sqlite_tables").text):
                return Removed()  # a server was stopped before it made its tables
            opened.execute(query("check_foreign_keys").text)
            strangers = [] if known is None else runs_of_strangers(opened, known)
            rows = HistoryRows(opened, WordsOfAPerson([*words, *strangers]))
            runs = rows.remove()
            left = [f"{database}: {name}" for name in rows.settings_that_name_them()]
            opened.execute(query("vacuum_file").text)  # pages that deleted rows have left still hold them
            if not _log_is_empty(opened):
                left.append(f"{database}-wal")
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED:
            return Removed(left=(str(database),))
        kind = StoreBusy if code in _BUSY else StoreError
        raise kind(f"Prefect's history {database} cannot be changed: {error}; run this again") from error
    return Removed(runs, tuple(left))


def _log_is_empty(opened: sqlite3.Connection) -> bool:
    """Move everything out of the log beside the file; False while another program goes on reading from it."""
    deadline = time.monotonic() + _WAIT_S
    while opened.execute(query("empty_log").text).fetchone()[0]:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _other_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        is_database = path.parent == folder and path.name.startswith(_DATABASE)
        if path.is_file() and not path.is_symlink() and not is_database and path.name not in _KEPT:
            yield path


def _overwrite(path: Path, person: WordsOfAPerson) -> None:
    """Write asterisks over what names the person: the server appends to its log meanwhile."""
    try:
        with path.open("rb") as file:
            places = [found.span() for found in person.in_bytes(file.read())]
        if places:
            with path.open("r+b") as file:
                for start, end in places:
                    file.seek(start)
                    file.write(b"*" * (end - start))
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"{path} cannot be changed: {error.strerror}; run this again") from error
