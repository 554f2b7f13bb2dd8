"""Which process of which machine wrote a name, so that others can tell whether it still runs.

A process number alone says little: containers that share a host name each have a process 7, and a system gives the
number of an ended process to another one. So a name also holds the boot of the kernel and the PID namespace, within
which a number means one process, and the time that process started. Where the system has no ``/proc``, host name and
number are all there is.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_PROC = Path("/proc")
_BOOT_DIGITS = 12
_ENDED = ("Z", "X")  # a zombie and a process that is being removed run no more code


def this_host() -> str:
    """The host name, the boot and the PID namespace of this process: ``name+boot+namespace``, or the name alone."""
    place = _place()
    return f"{socket.gethostname()}+{place}" if place else socket.gethostname()


def this_process() -> str:
    """The number of this process and when it started, in the kernel's ticks: ``number+ticks``, or the number alone."""
    process = str(os.getpid())
    started = _started(process)
    return f"{process}+{started}" if started else process


def may_run(host: str, process: str) -> bool:
    """Whether ``process`` of ``host``, as named above, may still run; True where that cannot be known from here."""
    number, _, started = process.partition("+")
    if host != this_host() or not number.isdecimal():
        return True
    if not _exists(number):
        return False
    now = _started(number)
    return not started or now is None or now == started


def number_may_run(host_name: str, number: str) -> bool:
    """Whether the process ``number`` of the machine ``host_name`` may still run, where a program names no more.

    That is a guess between containers that share a host name: nothing may be taken away because of it.
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
        # The link is ``pid:[4026531836]``. It is read anew each time, because a forked process may have another one.
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
    """When the process ``number`` started; "ended" for a zombie, None where the system does not say."""
    try:
        stat = (_PROC / number / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, which may hold anything; the state and field 22 follow it.
    fields = stat.rpartition(")")[2].split()
    return "ended" if fields[0] in _ENDED else fields[19]
