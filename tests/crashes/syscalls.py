"""Runs a function in a child process that dies, by SIGKILL, just before its n-th system call that writes.

Linux hands every such call to this process first (seccomp's user notification, Linux 5.5), from any caller: Python,
SQLite in the middle of a transaction, pyarrow's C++, libpq. Nothing of the program is changed or patched.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_NUMBERS: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "write": 1, "pwrite64": 18, "writev": 20, "pwritev": 296, "sendto": 44, "sendmsg": 46, "fsync": 74,
        "fdatasync": 75, "ftruncate": 77, "fallocate": 285, "open": 2, "openat": 257, "creat": 85, "mkdir": 83,
        "mkdirat": 258, "rmdir": 84, "unlink": 87, "unlinkat": 263, "link": 86, "linkat": 265, "rename": 82,
        "renameat": 264, "renameat2": 316, "symlink": 88, "seccomp": 317,
    },
    "aarch64": {
        "write": 64, "pwrite64": 68, "writev": 66, "pwritev": 70, "sendto": 206, "sendmsg": 211, "fsync": 82,
        "fdatasync": 83, "ftruncate": 46, "fallocate": 47, "openat": 56, "mkdirat": 34, "unlinkat": 35, "linkat": 37,
        "renameat": 38, "renameat2": 276, "symlinkat": 36, "seccomp": 277,
    },
}  # fmt: skip
_TO_A_FILE = ("write", "pwrite64", "writev", "pwritev", "sendto", "sendmsg")
_OPENING = {"open": 1, "openat": 2}  # which argument holds the flags
_CREATES = os.O_CREAT | os.O_TRUNC

_SET_MODE_FILTER, _NEW_LISTENER, _NO_NEW_PRIVILEGES = 1, 8, 38
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NOTIFICATION, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
_RECEIVE, _SEND = (0xC0000000 | size << 16 | 0x2100 | code for code, size in ((0, 80), (1, 24)))
_CONTINUE = 1


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended: its ``code`` (negative for a signal) and after how many writing ``steps``."""

    code: int
    steps: int
    last: str


def can_count() -> bool:
    """Whether this system hands over system calls at all."""
    return platform.system() == "Linux" and platform.machine() in _NUMBERS


def run_until(
    action: Callable[[], int],
    kill_at: int | None = None,
    *,
    refuse_from: int | None = None,
    error: int = errno.ENOSPC,
    halt_at: int | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Ending:
    """Run ``action`` in a child process and kill it just before its step ``kill_at``, if it comes so far.

    From the step ``refuse_from`` on, every call that makes or enlarges a file ends with ``error``: the disk is full, or
    the folders are read-only. At the step ``halt_at`` the child waits while ``meanwhile`` happens.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    child = os.fork()
    if not child:
        ours.close()
        os._exit(_watched(action, theirs))
    theirs.close()
    _, (listener,), _, _ = socket.recv_fds(ours, 1, 1)
    ours.close()
    try:
        steps, last = _count(listener, child, kill_at, (refuse_from, error), {halt_at: meanwhile})
    finally:
        os.close(listener)
    return Ending(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), steps, last)


def _watched(action: Callable[[], int], channel: socket.socket) -> int:
    listener = _watch(channel.fileno())
    socket.send_fds(channel, [b"."], [listener])
    os.close(listener)
    try:
        return action()
    except BaseException:  # noqa: BLE001 - reported in the log, and by the exit code
        traceback.print_exc()
        return 70


def _count(
    listener: int,
    child: int,
    kill_at: int | None,
    refusal: tuple[int | None, int],
    halts: dict[int | None, Callable[[], None]],
) -> tuple[int, str]:
    refuse_from, error = refusal
    names = {number: name for name, number in _NUMBERS[platform.machine()].items()}
    steps, last = 0, ""
    for identity, thread, number, argument in _calls(listener):
        if _counts(names[number], thread, argument):
            steps += 1
            last = names[number]
            if steps == kill_at:
                os.kill(child, signal.SIGKILL)
                break
            halts.pop(steps, lambda: None)()
        refused = refuse_from is not None and steps >= refuse_from and _needs_room(names[number], thread, argument)
        answer = _ANSWER.pack(identity, 0, -error if refused else 0, 0 if refused else _CONTINUE)
        # It is gone where somebody else has killed it meanwhile.
        with contextlib.suppress(FileNotFoundError):
            fcntl.ioctl(listener, _SEND, bytearray(answer))
    return steps, last


def _calls(listener: int) -> Iterator[tuple[int, int, int, int]]:
    """Each call as it comes: its identity, thread, number and first argument; ends with the process."""
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while poll.poll()[0][1] & select.POLLIN:
        notification = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, notification)
        except FileNotFoundError:
            continue
        identity, thread, _, number, _, _, first, *_ = _NOTIFICATION.unpack(notification)
        yield identity, thread, number, first


def _counts(name: str, thread: int, argument: int) -> bool:
    """Not what goes to the terminal, or to a pipe that only wakes up another thread."""
    if name not in _TO_A_FILE:
        return True
    target = _target(thread, argument)
    return argument > 2 and target.startswith(("/", "socket:")) and not target.startswith("/dev/")


def _needs_room(name: str, thread: int, argument: int) -> bool:
    """Whether a call makes or enlarges a file; what removes or renames one works on a full disk."""
    if name in _TO_A_FILE:
        return _counts(name, thread, argument) and _target(thread, argument).startswith("/")
    return not name.startswith(("unlink", "rmdir", "rename"))


def _target(thread: int, descriptor: int) -> str:
    try:
        return str(Path(f"/proc/{thread}/fd/{descriptor}").readlink())
    except OSError:
        return ""


def _watch(exempt: int) -> int:
    """Hand over this thread's writing calls, and those of all that it starts; returns the listener's descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    program = b"".join(_filter(exempt))
    instructions = ctypes.create_string_buffer(program, len(program))
    described = ctypes.create_string_buffer(
        struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(instructions)), 16
    )
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    seccomp = _NUMBERS[platform.machine()]["seccomp"]
    listener: int = libc.syscall(seccomp, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(described))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


def _filter(exempt: int) -> Iterator[bytes]:
    """The kernel's filter: ``exempt`` is the channel on which the listener itself is handed over."""

    def line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, value)

    def argument(index: int) -> bytes:
        return line(_LOAD, 16 + 8 * index)

    for name, number in _NUMBERS[platform.machine()].items():
        if name == "seccomp":
            continue
        yield line(_LOAD, 0)
        if name in _OPENING:
            yield line(_EQUAL, number, 0, 4)
            yield argument(_OPENING[name])
            yield line(_ANY_BIT, _CREATES, 0, 1)
            yield line(_RETURN, _NOTIFY)
            yield line(_RETURN, _ALLOW)
        elif name == "sendmsg":
            yield line(_EQUAL, number, 0, 4)
            yield argument(0)
            yield line(_EQUAL, exempt, 1, 0)
            yield line(_RETURN, _NOTIFY)
            yield line(_RETURN, _ALLOW)
        else:
            yield line(_EQUAL, number, 0, 1)
            yield line(_RETURN, _NOTIFY)
    yield line(_RETURN, _ALLOW)
