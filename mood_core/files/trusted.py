"""Whether to trust a file, by its owner and permissions and not by its path.

A file is trusted if it, its folder, and every symbolic link on the way to it belong to this user or to root, and other
users cannot write to them. A folder like ``/tmp`` counts as writable by others although it is sticky: others can create
a file there first. Two common cases are harmless:

- write permission of a group that is private to the owner: it has the owner's name and no other member (as on Debian,
  Ubuntu and Fedora, whose umask is 002). With an access control list, the group bits may apply to other users, and the
  file is not trusted;
- read permission of other users, which ``moodlog doctor`` reports.

On Windows, permissions are not checked and every file is trusted.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mood_core.errors import ConfigError
from mood_core.files.outside import kind_of, read_small

_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why the file or folder ``path`` is not trusted, and the remedy."""

    path: Path
    reason: str
    remedy: str


def distrust(path: Path) -> Distrust | None:
    """Why ``path`` is not trusted; None if it is trusted or does not exist.

    Raises:
        OSError: It cannot be inspected.
    """
    if sys.platform == "win32":
        return None
    for step in _steps(path):
        try:
            judged = ((step, step.lstat()), (step.parent, step.parent.stat()))
        except FileNotFoundError:
            return None
        for each, status in judged:
            found = _judge(each, status)
            if found is not None:
                return found
    return None


def judge_folder(path: Path) -> Distrust | None:
    """Why others can change the contents of the folder ``path``; None if they cannot.

    Raises:
        OSError: It cannot be inspected.
    """
    return None if sys.platform == "win32" else _judge(path, path.stat())


def read_trusted(path: Path) -> str | None:
    """The text of the small configuration file ``path``; None if it is not a file.

    Raises:
        ConfigError: It is not trusted, not a regular file, larger than 1 MB, or not UTF-8.
    """
    try:
        if path.is_dir():
            return None
        refuse_untrusted(path)
        return read_small(path).removeprefix("\ufeff")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be read: it is not UTF-8. Write one NAME=value per line.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}. Repair it or move it away.") from error


def refuse_untrusted(path: Path) -> None:
    """Check that ``path`` is trusted or does not exist.

    Raises:
        ConfigError: It is not trusted; the message has the file, its owner or mode, and the remedy.
        OSError: It cannot be inspected.
    """
    found = distrust(path)
    if found is not None:
        raise ConfigError(f"{path} is not trusted: {found.path} {found.reason}. {found.remedy}.")


def _steps(path: Path) -> Iterator[Path]:
    """``path``, and the target of each symbolic link on the way to its final target."""
    current = Path.cwd() / path
    for _ in range(_MOST_LINKS):
        yield current
        if not current.is_symlink():
            return
        current = current.parent / current.readlink()
    raise OSError(40, "too many symbolic links", str(path))


if sys.platform != "win32":
    import grp
    import pwd

    def _judge(path: Path, status: os.stat_result) -> Distrust | None:
        mode = f"mode {stat.S_IMODE(status.st_mode):04o}"
        if status.st_uid not in (os.geteuid(), 0):
            reason = f"belongs to {user_name(status.st_uid)} ({mode}), not to {_trusted_users()}"
            mine = f"If it is yours, run `chown {user_name(os.geteuid())} {path}` as root"
            return Distrust(path, reason, f"{mine}; otherwise move to another folder")
        if stat.S_ISLNK(status.st_mode):
            return None  # links have no mode
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            remedy = "Replace it by a regular file, or move it away"
            return Distrust(path, f"is {kind_of(status.st_mode) or 'not a regular file'}", remedy)
        if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and not _is_private_group(path, status)):
            remedy = f"Run `chmod go-w {path}`"
            if status.st_mode & stat.S_ISVTX:
                remedy = "Move the file to a folder that only you can write to"
            return Distrust(path, f"can be changed by others ({mode})", remedy)
        return None

    def _trusted_users() -> str:
        me = user_name(os.geteuid())
        return me if os.geteuid() == 0 else f"{me} or root"

    def _is_private_group(path: Path, status: os.stat_result) -> bool:
        """Whether the group is private to its owner."""
        try:
            group = grp.getgrgid(status.st_gid)
            owner = pwd.getpwnam(group.gr_name)
        except KeyError:
            return False
        is_own = owner.pw_uid in (os.geteuid(), 0) and owner.pw_gid == group.gr_gid
        return is_own and set(group.gr_mem) <= {group.gr_name} and not _has_access_list(path)

    def _has_access_list(path: Path) -> bool:
        if sys.platform != "linux":
            return False
        try:
            return bool(os.getxattr(path, "system.posix_acl_access"))
        except OSError:
            return False

    def user_name(uid: int) -> str:
        """What the system calls the user ``uid``."""
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)

else:

    def _judge(_path: Path, _status: os.stat_result) -> Distrust | None:
        return None

    def user_name(uid: int) -> str:
        """What the system calls the user ``uid``."""
        return str(uid)
