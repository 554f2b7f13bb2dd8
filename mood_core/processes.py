"""Identifies processes across machines, so that others can check whether they still run.

A process id alone is not enough: containers with the same host name each have a process 7, and systems reuse the ids of
dead processes. So an identity also contains the kernel's boot id and the PID namespace, within which an id is unique,
and the start time of the process. Without ``/proc`` it has only the host name and the process id.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")
_BOOT_DIGITS = 12
_ENDED = ("Z", "X")  # zombies and processes that are being removed run no code


def this_host() -> str:
    """The host name, boot id and PID namespace of this process: ``name+boot+namespace``, or only the name."""
    place = _place()
    return f"{socket.gethostname()}+{place}" if place else socket.gethostname()


def this_process() -> str:
    """The id and start time of this process, in kernel ticks: ``number+ticks``, or only the id."""
    process = str(os.getpid())
    started = _started(process)
    return f"{process}+{started}" if started else process


def may_run(host: str, process: str) -> bool:
    """Whether ``process`` of ``host`` may still run; True if that cannot be determined from here."""
    number, _, started = process.partition("+")
    if host != this_host() or not number.isdecimal():
        return True
    if not _exists(number):
        return False
    now = _started(number)
    return not started or now is None or now == started


def number_may_run(host_name: str, number: str) -> bool:
    """Whether the process ``number`` of the machine ``host_name`` may still run, for programs without full identities.

    This is a guess for containers with the same host name: nothing must be deleted because of it.
    """
    return host_name != socket.gethostname() or not number.isdecimal() or _exists(number)


def _exists(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # another user's process, or the system has no such signal
    return True


def _place() -> str:
    try:
        # The link is ``pid:[4026531836]``. It is read each time, because a forked process may have another one.
        namespace = (_PROC / "self/ns/pid").readlink().name
    except OSError:
        return ""
    return f"{_boot()}+{namespace.removeprefix('pid:[').removesuffix(']')}" if _boot() else ""


@lru_cache(maxsize=1)
def _boot() -> str:
    with suppress(OSError):
        identifier = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii")
        return identifier.replace("-", "").strip()[:_BOOT_DIGITS]
    return ""


def _started(number: str) -> str | None:
    """The start time of the process ``number``; "ended" for a zombie, None if the system does not report it."""
    try:
        stat = (_PROC / number / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, with any characters; the state and field 22 follow it.
    fields = stat.rpartition(")")[2].split()
    return "ended" if fields[0] in _ENDED else fields[19]
