"""A person who is to be forgotten, planted in everything that a home keeps, and the search for what is left of them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import create_engine, inspect, make_url, text

from mood_core.app.workspace import Workspace
from mood_core.store.loading.tombstones import half_forgotten, tombstone_of
from mood_core.usecases.people.manage_users import change_user
from tests.crashes.homes import NOW, settings_of
from tests.crashes.plays import Play, beside
from tests.flows.planted import everything_kept

NAME = "Zelda Quibble"
_NOW_TEXT = "2026-11-20 12:00:00.000000"
_MAKE = "import asyncio; from prefect.server.database import dependencies as d; " + (
    "asyncio.run(d.provide_database_interface().create_db())"
)


def empty_history(folder: Path) -> Path:
    """The file of a Prefect server that has never run a flow, in ``folder``."""
    environment = {**os.environ, "PREFECT_HOME": str(folder), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    environment.pop("PREFECT_API_URL", None)
    subprocess.run([sys.executable, "-c", _MAKE], env=environment, check=True, timeout=600, capture_output=True)
    return folder / "prefect.db"


def plant(home: Path, settings: dict[str, str], user_id: str, history: Path) -> None:
    """Name the person and leave them in the quarantine, the recaps and the history of runs of ``home``."""
    with settings_of(settings), Workspace(now=lambda: NOW) as workspace:
        account = workspace.accounts.all([user_id])[0]
        change_user(account, workspace.batches, now=NOW, display_name=NAME)
    for name in (f"quarantine/{user_id}-0123456789ab.ndjson", f"recaps/2026-11-09/{user_id}.png"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(f"{user_id} {NAME}", encoding="utf-8")
    (home / "prefect").mkdir()
    (home / "prefect" / "prefect.db").write_bytes(history.read_bytes())
    (home / "prefect" / "server.log").write_text(f"ERROR of {NAME}\nERROR of nobody\n", encoding="utf-8")
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as opened, opened:
        flow = _row(opened, "flow", name="sync-listens")
        for state in ("COMPLETED", "RUNNING", "SCHEDULED"):
            parameters = f'{{"people": ["{NAME}", "somebody"]}}'
            run = _row(opened, "flow_run", flow_id=flow, name=f"for {NAME}", state_type=state, parameters=parameters)
            _row(opened, "flow_run_state", flow_run_id=run, type=state, name=state, message=f"account {user_id}")
            _row(opened, "log", flow_run_id=run, message=f"account {user_id}: 3 listens", timestamp=_NOW_TEXT)
            _row(opened, "artifact", flow_run_id=run, key="moodlog-recap", data=f'"{NAME} was calm"')
            _row(opened, "events", event="moodlog.account", payload=f'{{"user_id": "{user_id}"}}', occurred=_NOW_TEXT)


def _row(opened: sqlite3.Connection, table: str, **values: Any) -> str:
    """Insert a row of ``values`` with a plain value in every other column that must have one; returns its id."""
    given = {"id": str(uuid4()), "created": _NOW_TEXT, "updated": _NOW_TEXT, **values}
    for _, name, kind, must, default, _ in opened.execute(f"PRAGMA table_info({table})"):
        if must and default is None and name not in given:
            given[name] = "{}" if kind == "JSON" else _NOW_TEXT if kind == "DATETIME" else 0
    marks = ", ".join("?" * len(given))
    opened.execute(f"INSERT INTO {table} ({', '.join(given)}) VALUES ({marks})", list(given.values()))  # noqa: S608
    return str(given["id"])


def is_begun(settings: dict[str, str], user_id: str) -> bool:
    """Whether the next run of anything forgets them, or one has."""
    with settings_of(settings), Workspace(now=lambda: NOW) as workspace:
        tombstone = tombstone_of(workspace.database, user_id)
        return user_id in half_forgotten(workspace.database) or (tombstone is not None and tombstone.in_force)


def where_they_are(home: Path, settings: dict[str, str], user_id: str) -> list[str]:
    """The files of ``home``, and tables where the database is a server's, that hold a byte of their id or name."""
    words = (user_id.encode(), NAME.encode())
    found = [name for name, data in everything_kept(home) if any(word in data for word in words)]
    url = settings.get("MOODLOG_DATABASE_URL")
    if url:
        engine = create_engine(url)
        with engine.connect() as connection:
            for table in inspect(connection).get_table_names():
                rows = repr(connection.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608
                found += [f"table {table}"] if user_id in rows or NAME in rows else []
        engine.dispose()
    return [name.replace(str(home), "") for name in found]


def cut_sessions(url: str) -> None:
    """End every session of a PostgreSQL database, with the locks that they hold."""
    address = make_url(url)
    admin = create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT")
    query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
    with admin.connect() as connection:
        connection.execute(text(query), {"name": address.database})
    admin.dispose()


def cut_and_run(url: str | None, play: Play | None) -> None:
    """What happens while another run stands still: its sessions end where it has any, and ``play`` runs."""
    if url:
        cut_sessions(url)
    if play:
        beside(play)


def while_it_stands(settings: dict[str, str], play: Play | None, *, cut: bool) -> partial[None]:
    """:func:`cut_and_run` for a home, to be handed to another process."""
    return partial(cut_and_run, settings.get("MOODLOG_DATABASE_URL") if cut else None, play)
