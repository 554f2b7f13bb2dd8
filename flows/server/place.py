"""Where the local Prefect server of a folder is, which one may be used, and the lock that keeps it the only one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.server.auth import is_ours, known_password
from flows.server.process_lock import ProcessLock, holder
from mood_core.errors import Unavailable
from mood_core.store.locks.leases import may_live, new_owner

HOST = "127.0.0.1"
_POLL_S = 0.1
_ORPHAN_S = 15.0
_STARTUP_S = 180.0
_BACKLOG = 2048


def running_server(home: Path) -> str | None:
    """The address of the API of the server that runs with its history in ``home``; None where none does.

    That server has proved that it knows the password in ``home``, so it may be sent to it.

    Raises:
        ConfigError: ``home`` belongs to another user, or its password is damaged.
    """
    password = known_password(home)
    try:
        state = json.loads(state_file(home).read_text(encoding="utf-8"))
        api_url, owner = str(state["api_url"]), str(state["owner"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if password is None or not api_url.startswith(f"http://{HOST}:"):
        return None
    # A server whose owner was killed still answers for a moment, and is about to end.
    return api_url if may_live(owner) and is_ours(api_url, password) else None


def state_file(home: Path) -> Path:
    """Where the address of the server that runs is kept."""
    return home / "server.json"


def find_or_lock(home: Path, *, own: bool, say: Callable[[str], None]) -> str | ProcessLock:
    """The address of a server of another process, or the lock that lets this process start one.

    With ``own`` no other server is used: ``say`` reports what is waited for. A server whose owner was killed ends by
    itself a second later, and is killed where it does not.

    Raises:
        Unavailable: A server of another process holds the lock and does not answer within three minutes.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "server.lock"
    lock, began, is_told = ProcessLock(path), time.monotonic(), False
    while True:
        running = None if own else running_server(home)
        if running:
            return running
        if lock.acquire({"parent": os.getpid(), "owner": new_owner()}):
            return lock
        held, waited = holder(path) or {}, time.monotonic() - began
        if may_live(str(held.get("owner", ""))):
            if own and not is_told:
                say(f"Waiting for process {held.get('parent')}, which uses {home}, for example a `moodlog run`.")
                is_told = True
            if not own and waited > _STARTUP_S:
                said = f"the Prefect server of process {held.get('parent')} does not answer; end that process"
                raise Unavailable(said, source="prefect")
        elif waited > _ORPHAN_S:
            _kill(held)
        time.sleep(_POLL_S)


def _kill(held: dict[str, Any]) -> None:
    """Kill the process that wrote ``held`` into the lock that it holds."""
    if isinstance(held.get("pid"), int):
        with contextlib.suppress(ProcessLookupError):
            os.kill(held["pid"], getattr(signal, "SIGKILL", signal.SIGTERM))


def listen_on(wanted: int | None, *, strict: bool = False) -> socket.socket:
    """A socket that listens on 127.0.0.1: on the port ``wanted`` where that is free, otherwise on another one.

    Raises:
        Unavailable: With ``strict``, ``wanted`` is not free.
    """
    listener = socket.socket()
    if os.name != "nt":  # there it would let two programs share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, wanted or 0))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        if strict:
            said = f"port {wanted} of {HOST} is in use by another program; end that program, or name another --port"
            raise Unavailable(said, source="prefect") from None
        if not wanted:
            raise
        return listen_on(None)
    return listener


def port_of(listener: socket.socket) -> int:
    """The port that ``listener`` listens on."""
    return int(listener.getsockname()[1])
