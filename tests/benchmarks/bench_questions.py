"""How long everything that people can ask takes: views, examples, canned queries, commands and the page.

``python -m tests.benchmarks.bench_questions FOLDER person|everybody [sqlite|postgresql [LISTENS]]`` makes the database
in FOLDER once, as a person does: ``person`` imports an export of ten years with 200 plays a day with ``moodlog import
--label``, ``everybody`` rebuilds from a lake with ten million listens of a thousand people. Prints seconds of CPU, the
database server's included, and wall seconds; the least of three runs, or one run of a command or of what takes more
than 3 s of CPU. On a server of ``MOODLOG_TEST_POSTGRES_URL``, the database stays for the next time.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from pyarrow import parquet
from sqlalchemy import create_engine, make_url, text

from mood_core.app.workspace import Workspace
from mood_core.cli.browse import LIMITS
from mood_core.lake import open_lake
from mood_core.lake.schema import LISTENS
from mood_core.report.datasette_metadata import QUERIES, datasette_metadata
from mood_core.settings import Settings
from mood_core.store import Database, open_database
from mood_core.store.engine.named_queries import query
from tests.benchmarks.bench_import_history import _ROW
from tests.benchmarks.bench_store_load import say, server_cpu
from tests.benchmarks.bench_web import paths
from tests.benchmarks.listening import START, context, ids, listens
from tests.questions import (
    COMMANDS_ABOUT_ALL,
    COMMANDS_OF_A_PERSON,
    documented_questions,
    grafana_questions,
    questions_about_a_person,
    questions_about_all,
    views_for_people,
)
from tests.sealed import given_path, run_sealed
from tests.served_pages import served

_A_DAY, _MOST_TRACKS = 200, 30_000
_LISTENS = {"person": 10 * 365 * _A_DAY, "everybody": 10_000_000}
_FEATURES = (
    "acousticness", "danceability", "energy", "instrumentalness", "liveness", "speechiness", "valence",
)  # fmt: skip


def main(folder: Path, size: str, dialect: str, total: int) -> None:
    """Make what is not made yet, then ask everything."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        url = f"sqlite:///{folder / 'moodlog.db'}"
        made = (folder / "moodlog.db").exists()
        if dialect == "postgresql":
            from tests.databases import postgres_running

            url, made = _database(stack.enter_context(postgres_running()), f"questions_{size}")
        for command in [] if made else _made(folder, size, total or _LISTENS[size]):
            began = time.perf_counter()
            _moodlog(folder, url, command)
            say(f"moodlog {command.split()[0]}: {time.perf_counter() - began:.0f} s")
        database = open_database(url)
        stack.callback(database.close)
        user = _person(database)
        with database.read() as connection:
            name = str(connection.scalar(text("SELECT display_name FROM users WHERE user_id = :user"), {"user": user}))
            asked = {"all": list(questions_about_all(connection))}
            asked["one person"] = list(questions_about_a_person(connection))
            asked["docs"] = list(documented_questions(dialect, name))
            newest = connection.scalar(text("SELECT max(played_at_ms) FROM listens"))
            people = list(connection.scalars(text("SELECT display_name FROM users")))
        if dialect == "postgresql":
            days = [f"{datetime.fromtimestamp(newest / 1000, UTC) - timedelta(days=ago):%Y-%m-%d}" for ago in (90, 0)]
            asked["Grafana"] = list(grafana_questions(people, *(f"{day}T00:00:00+00:00" for day in days)))
        say(f"{'question':52} {'CPU s':>7} {'wall s':>7}")
        for about, questions in asked.items():
            for name, sql in questions:
                say(f"{f'{about}: {name}':52} {_cost(partial(_ask, database, sql, user), url)}")
        _commands(folder, url, user)
        _answers(folder, url, user, _pages(folder, url, user))
        if dialect == "sqlite" and importlib.util.find_spec("datasette"):
            _datasette(folder / "moodlog.db", database, user)


def _database(server: str, name: str) -> tuple[str, bool]:
    """The address of the database ``name``, made if it is not there, and whether it was there."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        made = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}) is not None
        if not made:
            connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False), made


def _made(folder: Path, size: str, total: int) -> list[str]:
    """Write what a database is made from; returns the commands that make it."""
    if size == "person":
        tracks = min(_MOST_TRACKS, total // 24)
        _write_export(folder / "export.zip", total, tracks)
        _write_catalog(folder / "catalog.parquet", tracks * 9 // 10)
        return [f"import {folder / 'export.zip'} --user ada --timezone Europe/Berlin --label"]
    lake = open_lake(str(folder / "lake"))
    if not lake.paths("listens"):
        for dataset, table in context().items():
            lake.write(dataset, table, created_at=START)
        for table in listens(total):
            lake.write(LISTENS, table, created_at=START)
    return ["rebuild"]


def _write_export(path: Path, total: int, tracks: int) -> None:
    random = np.random.default_rng(5)
    heard = np.minimum(random.zipf(1.2, total) - 1, tracks - 1).tolist()
    lengths = random.integers(30_000, 300_000, total).tolist()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, start in enumerate(range(0, total, 16_000)):
            rows = [
                _ROW.format(
                    ts=_play_ends(at),
                    ms=lengths[at],
                    track=heard[at],
                    artist=heard[at] % 4_000,
                )
                for at in range(start, min(start + 16_000, total))
            ]
            name = f"Spotify Extended Streaming History/Streaming_History_Audio_{number}.json"
            archive.writestr(name, "[\n" + ",\n".join(rows) + "\n]")


def _play_ends(at: int) -> datetime:
    """When the play ``at`` ended: ten sessions a day of twenty plays, from 7 o'clock on."""
    day, play = divmod(at, _A_DAY)
    minutes = 100 * (play // 20) + 3.5 * (play % 20)
    return datetime(2016, 11, 1, 7, tzinfo=UTC) + timedelta(days=day, minutes=minutes)


def _write_catalog(path: Path, known: int) -> None:
    random = np.random.default_rng(6)
    columns: dict[str, object] = {name: random.random(known) for name in _FEATURES}
    columns |= {"loudness": -20 * random.random(known), "tempo": 60 + 120 * random.random(known)}
    columns["duration_ms"] = random.integers(60_000, 400_000, known)
    parquet.write_table(pa.table({"id": [f"{at:022d}" for at in range(known)], **columns}), path)


def _person(database: Database) -> str:
    """The person that questions are about."""
    with database.read() as connection:
        found = list(connection.scalars(text("SELECT user_id FROM users ORDER BY user_id")))
    return ids(1, 1000)[500] if len(found) == 1000 else str(found[0])


def _ask(database: Database, sql: str, user: str) -> None:
    values = {"user_id": user, "person": "", "mood": ""}
    with database.read() as connection:
        connection.execute(text(sql), {name: one for name, one in values.items() if f":{name}" in sql}).fetchall()


def _moodlog(folder: Path, url: str, words: str, *, check: bool = True) -> None:
    environment = os.environ | {"MOODLOG_HOME": str(folder), "MOODLOG_DATABASE_URL": url}
    environment |= {"MOODLOG_CATALOG": str(folder / "catalog.parquet"), "MOODLOG_FEATURE_SOURCES": "catalog"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # people's Python keeps its compiled modules
    command = [sys.executable, "-m", "flows.cli", *words.split()]
    subprocess.run(command, env=environment, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _commands(folder: Path, url: str, user: str) -> None:
    """Run each command that reads everybody's history or a person's."""
    for about, commands in (("all", COMMANDS_ABOUT_ALL), ("one person", COMMANDS_OF_A_PERSON)):
        for command in commands:
            new = folder / "new.zip"
            new.unlink(missing_ok=True)
            words = command.format(user=user, out=folder / "page.html", new=new)
            shown = command.format(user="PERSON", out="FILE", new="FILE")
            say(f"{f'{about}: moodlog {shown}':52} {_cost(partial(_moodlog, folder, url, words), url, runs=1)}")
    say(f"{'all: moodlog doctor':52} {_cost(partial(_moodlog, folder, url, 'doctor', check=False), url, runs=1)}")


def _answers(folder: Path, url: str, user: str, track: str) -> None:
    """Answer twice about the most played track, and take the answer back."""
    for word in ("sad", "happy", "undo"):
        ask = partial(_moodlog, folder, url, f"answer {user} {track} {word}")
        say(f"{f'one person: moodlog answer PERSON TRACK {word}':52} {_cost(ask, url, runs=1)}")


def _pages(folder: Path, url: str, user: str) -> str:
    """Ask for each page, picture and answer of ``moodlog web``; returns the most played track."""
    with Workspace(Settings(home=folder, database_url=url)) as space, served(space) as pages:
        (account,) = space.accounts.all([user])
        newest = account.newest_listen_at
        assert newest is not None
        top = space.database.rows(query("web_top_tracks"), {"user": user, "most": 1})
        for path in paths(top[0].track_id, f"~{user}", newest.year):
            say(f"{f'web: {path}':52} {_cost(partial(_get, pages.client, path), url)}")
    return str(top[0].track_id)


def _datasette(file: Path, database: Database, user: str) -> None:
    """Ask for each page that ``moodlog browse`` offers: the views and the canned queries."""
    from datasette.app import Datasette

    site = Datasette([str(file)], metadata=datasette_metadata(file.stem, database), settings=LIMITS)
    with database.read() as connection:
        views = views_for_people(connection)
    pages = ["/", *(f"/{file.stem}{view}?_nocount=1" for view in ("", *(f"/{view}" for view in views)))]
    pages += [f"/{file.stem}/{name}?person=&mood=&user_id={user}" for name in QUERIES]
    with asyncio.Runner() as runner:
        runner.run(site.invoke_startup())
        for path in pages:
            ask = partial(_asked, runner, site, path)
            say(f"{f'browse: {path}':52} {_cost(ask, 'sqlite')}")


def _get(client: httpx.Client, path: str) -> None:
    _checked(client.get(path))


def _asked(runner: asyncio.Runner, site: Any, path: str) -> None:
    _checked(runner.run(site.client.get(path)))


def _checked(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer


def _cost(ask: Callable[[], None], url: str, runs: int = 3) -> str:
    best = (float("inf"), float("inf"))
    for _ in range(runs):
        before, began = _cpu(url), time.perf_counter()
        ask()
        best = min(best, (_cpu(url) - before, time.perf_counter() - began))
        if best[0] > 3:
            break
    return f"{best[0]:7.2f} {best[1]:7.2f}"


def _cpu(url: str) -> float:
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system + server_cpu(url)


def start() -> None:
    """Take folder, size, dialect and listens from the command line."""
    folder, size, *more = sys.argv[1:]
    dialect, total = more + ["sqlite", "0"][len(more) :]
    main(given_path(folder), size, dialect, int(total))


if __name__ == "__main__":
    run_sealed(start)
