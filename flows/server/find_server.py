"""Finds the local Prefect server of a folder, or acquires the lock to start the only one."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from flows.server.auth import is_ours, known_password
from flows.server.process_lock import ProcessLock, holder, kill
from mood_core.errors import ConfigError, Unavailable
from mood_core.files.outside import read_small
from mood_core.store.locks.leases import may_live, new_owner

HOST = "127.0.0.1"
_POLL_S = 0.1
_ORPHAN_S = 15.0
_STARTUP_S = 180.0
_BACKLOG = 2048


def running_server(home: Path) -> str | None:
    """The API address of the running server whose history is in ``home``; None if none runs.

    The server has proved that it knows the password in ``home``, so clients may send it.

    Raises:
        ConfigError: ``home`` belongs to another user, or its password is damaged.
    """
    password = known_password(home)
    try:
        state = json.loads(read_small(state_file(home)))
        api_url, owner = str(state["api_url"]), str(state["owner"])
    except (ConfigError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if password is None or not api_url.startswith(f"http://{HOST}:"):
        return None
    # A server whose owner was killed answers until it ends, a second later.
    return api_url if may_live(owner) and is_ours(api_url, password) else None


def state_file(home: Path) -> Path:
    """The file with the address of the running server."""
    return home / "server.json"


def find_or_lock(home: Path, *, own: bool, say: Callable[[str], None]) -> str | ProcessLock:
    """The address of another process's server, or the acquired lock to start one.

    With ``own`` this waits for the lock, and ``say`` reports its holder. A server whose owner was killed ends within
    seconds; after 15 s it is killed.

    Raises:
        Unavailable: Another process's server holds the lock and does not answer for 3 minutes.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "server.lock"
    lock, began, is_reported = ProcessLock(path), time.monotonic(), False
    while True:
        running = None if own else running_server(home)
        if running:
            return running
        if lock.acquire({"parent": os.getpid(), "owner": new_owner()}):
            return lock
        held, waited = holder(path) or {}, time.monotonic() - began
        if may_live(str(held.get("owner", ""))):
            if own and not is_reported:
                say(f"Waiting for process {held.get('parent')}, for example a `moodlog run`, which uses {home}.")
                is_reported = True
            if not own and waited > _STARTUP_S:
                message = f"the Prefect server of process {held.get('parent')} does not answer; stop that process"
                raise Unavailable(message, source="prefect")
        elif waited > _ORPHAN_S and isinstance(held.get("pid"), int):
            kill(held["pid"])
        time.sleep(_POLL_S)


def listen_on(wanted: int | None, *, strict: bool = False) -> socket.socket:
    """A socket that listens on 127.0.0.1: on the port ``wanted`` if it is free, otherwise on another port.

    Raises:
        Unavailable: The port ``wanted`` is in use, with ``strict``.
    """
    try:
        return socket.create_server((HOST, wanted or 0), backlog=_BACKLOG)
    except OSError:
        if strict:
            message = f"port {wanted} of {HOST} is in use by another program; stop it, or choose another --port"
            raise Unavailable(message, source="prefect") from None
        if not wanted:
            raise
        return listen_on(None)


def port_of(listener: socket.socket) -> int:
    """The port that ``listener`` listens on."""
    return int(listener.getsockname()[1])
