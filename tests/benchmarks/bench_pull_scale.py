"""What pulling many accounts costs: the bare calls, mood_core, and mood_core under Prefect, side by side.

``python -m tests.benchmarks.bench_pull_scale [ACCOUNTS] [THREADS] [sqlite|postgresql] [WAY...]`` connects ACCOUNTS
invented people, each with 50 new listens, and pulls them all in three ways, each in a fresh process with an empty
history. The stand-in runs in a process of its own and answers after 50 ms. Seconds of wall and of CPU, megabytes at
the peak.
"""

from __future__ import annotations

import http.client
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tests.benchmarks.bench_store_load import say
from tests.sealed import run_sealed

LATENCY_S = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")


def main(accounts: int, threads: int, dialect: str, ways: Sequence[str]) -> None:
    """Connect everybody, then pull them in each way."""
    say(f"{accounts} accounts, {threads} threads, {LATENCY_S * 1000:.0f} ms a call, {dialect}")
    say("way            wall s    CPU s  stand-in   server  peak MB  grown MB   listens")
    costs: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        standin, process = stack.enter_context(standin_running(accounts))
        people = Path(folder, "people.json")
        people.write_text(json.dumps(consents(standin, accounts)), encoding="utf-8")
        for way in ways or WAYS:
            home = Path(folder, way)
            home.mkdir()
            url = stack.enter_context(database_at(home, dialect))
            environment = os.environ | settings_of(standin, home, url, threads)
            _child(environment, f"connect {way}", str(people))
            busy = cpu_s(process.pid)
            cost = _child(environment, way, str(people))
            cost["standin"] = cpu_s(process.pid) - busy
            say(
                f"{way:12} {cost['wall']:8.2f} {cost['cpu']:8.2f} {cost['standin']:9.2f} {cost.get('server', 0.0):8.2f}"
                f" {cost['peak']:8.0f} {cost['grown']:9.0f} {cost['listens']:9.0f}"
            )
            costs[way] = cost
            shutil.rmtree(home, ignore_errors=True)
    if "core" in costs:
        say(f"core: {1000 * costs['core']['cpu'] / accounts:.2f} ms of CPU for each account")
    if {"core", "flow"} <= costs.keys():
        say("flow / core: " + ", ".join(f"{costs['flow'][of] / costs['core'][of]:.2f} {of}" for of in ("wall", "cpu")))


def calls(people: Path) -> int:
    """Ask for every window with ``THREADS`` open connections and throw the answers away."""
    tokens = [consent["access_token"] for consent in json.loads(people.read_text())]
    base = urlsplit(os.environ["MOODLOG_SPOTIFY_API_URL"])
    threads = int(os.environ["MOODLOG_SHARDS"])

    def ask(part: list[str]) -> int:
        connection = http.client.HTTPConnection(base.netloc)
        for token in part:
            connection.request(
                "GET", f"{base.path}/me/player/recently-played?limit=50", headers={"Authorization": f"Bearer {token}"}
            )
            connection.getresponse().read()
        connection.close()
        return len(part) * 50

    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(ask, [tokens[start::threads] for start in range(threads)]))


def core(_people: Path) -> int:
    """What the flow's tasks do, on plain threads."""
    from flows.sharing.shards import split
    from mood_core.app.workspace import Workspace
    from mood_core.store.locks.leases import new_owner
    from mood_core.usecases.nightly.pull_listens import PullListens

    def pull(part: list[str]) -> int:
        with Workspace() as own:
            now = own.now()
            leased = own.accounts.leases.acquire(part, new_owner(), now=now, for_s=600.0)
            pull_all = PullListens(own.spotify.for_user, own.listens, own.accounts, own.batches)
            return sum(outcome.new for outcome in pull_all(leased, now=now))

    with Workspace() as workspace:
        active = [account.user_id for account in workspace.accounts.all() if account.state == "active"]
        shards = split(active, workspace.settings.shards)
    with ThreadPoolExecutor(len(shards)) as pool:
        return sum(pool.map(pull, shards))


def flow(_people: Path) -> int:
    """The flow."""
    from flows.sync_listens import sync_listens

    state: Any = sync_listens(return_state=True)
    return int(state.result().new_listens)


WAYS: Mapping[str, Callable[[Path], int]] = {"calls": calls, "core": core, "core, renew": core, "flow": flow}
"""The third is the second with tokens that have run out, as in a real night."""


def connect(people: Path, *, lives_s: int) -> None:
    """Make everybody known, as connecting does, without a call for each; their tokens end after ``lives_s``."""
    from mood_core.app.workspace import Workspace
    from mood_core.domain.records import User
    from mood_core.lake.arrow_tables import users_table
    from mood_core.lake.schema import USERS
    from mood_core.spotify.tokens import Token

    with Workspace() as workspace:
        now = workspace.now()
        consents = json.loads(people.read_text())
        users = [User(one["account_id"], one["display_name"], one["timezone"], connected_at=now) for one in consents]
        workspace.batches.add(USERS, users_table(users, recorded_at=now), now=now)
        for one in consents:
            ends = now + timedelta(seconds=lives_s)
            token = Token(one["access_token"], one["refresh_token"], ends, one["scope"], authorised_at=now)
            workspace.keep_token(one["account_id"], token)


def measured(way: str, people: Path) -> dict[str, float]:
    """Run ``way`` in this process and report what it took."""
    with ExitStack() as stack:
        server = stack.enter_context(_prefect()) if way == "flow" else None
        if way != "calls":
            import mood_core.spotify.client
            import mood_core.usecases.nightly.pull_listens  # noqa: F401 - imports are not what is measured
        if way == "flow":
            import flows.sync_listens  # noqa: F401
        before, served = _peak_mb(), cpu_s(server) if server else 0.0
        cpu, start = time.process_time(), time.perf_counter()
        listens = WAYS[way](people)
        cost = {"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu, "listens": float(listens)}
        cost |= {"peak": _peak_mb(), "grown": _peak_mb() - before}
        if server:
            cost["server"] = cpu_s(server) - served
        return cost


@contextmanager
def _prefect() -> Iterator[int]:
    from flows.server.runtime import prefect_runtime

    with prefect_runtime(Path(os.environ["MOODLOG_HOME"])) as runtime:
        runtime.wait_until_ready()
        yield next(_children(os.getpid()))


@contextmanager
def standin_running(
    accounts: int, *, latency_s: float = LATENCY_S
) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """A stand-in in a process of its own: its addresses, and the process."""
    command = [sys.executable, "-m", "standin", "--listeners", str(accounts), "--with-parent"]
    process = subprocess.Popen([*command, "--latency", str(latency_s)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline()), process
    finally:
        process.terminate()
        process.wait()


def consents(standin: Mapping[str, str], accounts: int) -> list[dict[str, str]]:
    """A consent for everybody: the stand-in's tokens are signed by its seed, so any process may issue them."""
    from standin import StandIn

    services = StandIn(listeners=accounts)
    people = []
    for listener in services.listeners:
        names = ("account_id", "display_name", "timezone")
        known = {name: getattr(listener, name) for name in names}
        people.append(services.issue_tokens(listener.listener_id, client_id="bench") | known)
    with urlopen(Request(f"{standin['control_url']}/listeners")) as answer:  # noqa: S310 - loopback
        assert len(json.load(answer)["listeners"]) == accounts
    return people


@contextmanager
def database_at(home: Path, dialect: str) -> Iterator[str]:
    """The address of an empty database: a file in ``home``, or one on a PostgreSQL of its own."""
    if dialect == "sqlite":
        yield f"sqlite:///{home / 'moodlog.db'}"
        return
    from tests.databases import postgres_database, postgres_running

    with postgres_running() as server, postgres_database(server) as url:
        yield url


def settings_of(standin: Mapping[str, str], home: Path, url: str, threads: int) -> dict[str, str]:
    """The environment that points moodlog at the stand-in, with ``threads`` shards and no budget."""
    return {
        "MOODLOG_HOME": str(home),
        "MOODLOG_DATABASE_URL": url,
        "MOODLOG_SHARDS": str(threads),
        "MOODLOG_SPOTIFY_CLIENT_ID": "bench",
        "MOODLOG_SPOTIFY_API_URL": standin["spotify_api_url"],
        "MOODLOG_SPOTIFY_ACCOUNTS_URL": standin["accounts_url"],
        "MOODLOG_RECCOBEATS_URL": standin["reccobeats_url"],
        "MOODLOG_SPOTIFY_DAILY_BUDGET": "0",
        "PREFECT_API_URL": "",
    }


def _child(environment: Mapping[str, str], *arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_pull_scale", "child", *arguments]
    done = subprocess.run(command, env=dict(environment), stdout=subprocess.PIPE, text=True, check=True)
    cost: dict[str, float] = json.loads(done.stdout or "{}")
    return cost


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a running process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _children(pid: int) -> Iterator[int]:
    yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def start() -> None:
    """Do what the command line asks for: one way, or all."""
    if sys.argv[1:2] == ["child"]:
        if sys.argv[2].startswith("connect "):
            connect(Path(sys.argv[3]), lives_s=0 if sys.argv[2].endswith("renew") else 3600)
        else:
            say(json.dumps(measured(sys.argv[2], Path(sys.argv[3]))))
    else:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 1_000,
            int(sys.argv[2]) if len(sys.argv) > 2 else 16,
            sys.argv[3] if len(sys.argv) > 3 else "sqlite",
            sys.argv[4:],
        )


if __name__ == "__main__":
    run_sealed(start)
