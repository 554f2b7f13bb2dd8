"""The password of moodlog's own Prefect server, and the proof that a server knows it.

Prefect calls it an auth string: ``user:password``. A private file in HOME/prefect stores it; other processes get it
through their environment only.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from mood_core.errors import ConfigError
from mood_core.files.private import make_private_folder
from mood_core.spotify.key_file import read_or_make_keys

PROOF_PATH = "/moodlog/proof"
_FILE = "server-password"
_TIMEOUT_S = 5.0


def read_or_make_password(folder: Path) -> str:
    """The password of the server whose history is in ``folder``; created if it does not exist.

    Raises:
        ConfigError: The file is damaged, or the folder or the file belongs to another user.
    """
    make_private(folder)
    path = folder / _FILE
    _check_owner(path)
    return _only(read_or_make_keys(path, lambda: f"moodlog:{secrets.token_urlsafe(32)}"), path)


def known_password(folder: Path) -> str | None:
    """The password of the server whose history is in ``folder``; None if it does not exist.

    Raises:
        ConfigError: The file is damaged, or the folder or the file belongs to another user.
    """
    return read_or_make_password(folder) if os.path.lexists(folder / _FILE) else None


def _only(lines: list[str], path: Path) -> str:
    if len(lines) != 1 or len(lines[0]) < 40 or ":" not in lines[0]:
        raise ConfigError(f"the server's password in {path} is damaged; stop `moodlog serve` and delete that file")
    return lines[0]


def make_private(folder: Path) -> None:
    """Create ``folder`` with mode 0700, or set that mode.

    Raises:
        ConfigError: It cannot be created, or belongs to another user.
    """
    try:
        make_private_folder(folder)
        _check_owner(folder)
        if os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be used: {error.strerror}; set MOODLOG_HOME to another folder") from None


def _check_owner(path: Path) -> None:
    """Reject the file or folder of another user, who would know the password. Root may use other users' folders."""
    if os.name != "posix" or not os.path.lexists(path):
        return
    try:
        owners = {path.lstat().st_uid, path.stat().st_uid}  # of a link and of its target
    except OSError as error:
        raise ConfigError(f"{path} cannot be used: {error.strerror}; remove it") from None
    if os.geteuid() and not owners <= {0, os.geteuid()}:
        raise ConfigError(f"{path} belongs to another user; remove it, or set MOODLOG_HOME to a folder of your own")


def proof(password: str, nonce: str, port: int) -> str:
    """The answer to ``nonce`` of a server that knows ``password``. It is valid for ``port`` only, so no relay works."""
    return hmac.new(password.encode(), f"moodlog-server {port} {nonce}".encode(), sha256).hexdigest()


def is_ours(api_url: str, password: str) -> bool:
    """Whether the server at ``api_url`` proves that it knows ``password``. The password is not sent."""
    parts = urlsplit(api_url)
    nonce = secrets.token_hex(16)
    try:
        host, port = parts.hostname or "", parts.port or 80
        connection = HTTPConnection(host, port, timeout=_TIMEOUT_S)  # no proxy, no redirect
        try:
            connection.request("GET", f"{PROOF_PATH}?{nonce}")
            answer = connection.getresponse().read(200).decode("ascii")
        finally:
            connection.close()
    except (OSError, ValueError, HTTPException):
        return False
    return hmac.compare_digest(answer.strip().encode(), proof(password, nonce, port).encode())
