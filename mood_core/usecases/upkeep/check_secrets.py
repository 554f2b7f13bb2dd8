"""Findings about secrets: who can read or change files with secrets, and where secrets are sent."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from mood_core.errors import ConfigError
from mood_core.files.trusted import user_name
from mood_core.http.addresses import is_loopback
from mood_core.store.engine.database import Database
from mood_core.store.engine.named_queries import query
from mood_core.usecases.upkeep.check_health import Finding, Level

_OF_DATABASE = ("", "-wal", "-shm")
_OF_PREFECT = ("server.json", "*auth*", "profiles.toml", "prefect.db*", "server.log")
_COPIES = ("moodlog-*", "*.damaged-*")


def secret_files(home: Path, database: Path | None, env_files: Iterable[Path]) -> list[Path]:
    """The existing files and folders with secrets or people's data, after HOME, which need not exist."""
    found = [home / "token.key", home / "web-token", *env_files, home / "prefect"]
    found += [Path(f"{database}{part}") for part in _OF_DATABASE] if database else []
    found += sorted(path for pattern in _COPIES for path in home.glob(pattern))
    if _is_open(home / "prefect"):  # otherwise other users cannot open its files
        found += sorted(path for pattern in _OF_PREFECT for path in (home / "prefect").glob(pattern))
    return [home, *dict.fromkeys(path for path in found if path.exists())]


def private_file(what: str, path: Path) -> Finding:
    """Whether ``path`` belongs to this user or root, and only its owner can read it."""
    if not path.exists():
        return Finding(what, Level.OK, f"{path} does not exist yet")
    status = path.stat()
    if sys.platform != "win32" and status.st_uid not in (os.geteuid(), 0):
        me = user_name(os.geteuid())
        said = f"{path} belongs to {user_name(status.st_uid)}, who can read and change it"
        return Finding(what, Level.BROKEN, said, f"if it is yours: chown {me} {path} (as root)")
    if _is_open(path):
        mode = stat.S_IMODE(status.st_mode)
        can = "change" if mode & 0o022 else "read"
        return Finding(what, Level.WARNING, f"other users can {can} {path} (mode {mode:o})", f"chmod go-rwx {path}")
    return Finding(what, Level.OK, f"only you can read {path}")


def other_names(in_use: Mapping[str, str]) -> list[Finding]:
    """Findings about settings that are set under other programs' names."""
    return [Finding(name, Level.OK, outcome) for name, outcome in sorted(in_use.items())]


def foreign_tokens(user_ids: Sequence[str], check: Callable[[str], object], *, are_all: bool) -> Finding:
    """Whether these stored tokens belong to the services that the settings name; ``are_all``: there are no others."""
    for user_id in user_ids:
        try:
            check(user_id)
        except ConfigError as error:
            return Finding("tokens", Level.BROKEN, error.message)
    some = "" if are_all else f"the oldest and newest {len(user_ids)} "
    return Finding("tokens", Level.OK, f"{some}can be decrypted and belong to the configured services")


def encrypted_connection(database: Database, setting: str = "MOODLOG_DATABASE_URL") -> list[Finding]:
    """A warning if the connection to PostgreSQL on another machine is not encrypted."""
    host = database.engine.url.host
    if database.dialect != "postgresql" or not host or host.startswith("/") or is_loopback(f"http://{host}"):
        return []
    with database.read() as connection:
        if connection.scalar(query("is_connection_encrypted")):
            return []
    said = f"the connection to {host} is not encrypted: others on the network can read passwords, tokens and listens"
    return [Finding("database connection", Level.WARNING, said, f"add ?sslmode=verify-full to {setting}")]


def _is_open(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & 0o077)
