"""Finds the SQL files: in the folder ``sql`` of a checkout, or in an installed wheel."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

_COMMENT = re.compile(r"--.*")
_PACKAGE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One SQL file: its ``name`` without the dialect, its ``text`` and the ``sha256`` of the text."""

    name: str
    text: str

    @property
    def statement(self) -> str:
        """The text without comments and the last semicolon."""
        return _COMMENT.sub("", self.text).strip().removesuffix(";")

    @property
    def sha256(self) -> str:
        """Hex digest of the executed SQL, to detect changed files; comments and line breaks do not count."""
        return sha256(" ".join(_COMMENT.sub("", self.text).split()).encode()).hexdigest()


def sql_folder() -> Path:
    """The folder of SQL files: ``mood_core/_sql`` in a wheel, ``sql`` in a checkout."""
    packaged = _PACKAGE / "_sql"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "sql"


def sql_files(kind: str, dialect: str) -> list[SqlFile]:
    """The files of ``sql/<kind>/`` for ``dialect`` (sqlite or postgresql), in the order of their names.

    ``NAME.sql`` is for both and is written for PostgreSQL; ``NAME.sqlite.sql`` and ``NAME.postgresql.sql`` are for one.
    """
    files = []
    for path in sorted((sql_folder() / kind).glob("*.sql")):
        name, _, only_for = path.stem.partition(".")
        if only_for in ("", dialect):
            text = path.read_text(encoding="utf-8")
            files.append(SqlFile(name, text if only_for or dialect == "postgresql" else in_sqlite(text)))
    return files


@cache
def migration_names(dialect: str) -> frozenset[str]:
    """The migrations that this process knows, whatever an upgrade writes to the folder later."""
    stems = [path.stem.partition(".") for path in (sql_folder() / "migrations").glob("*.sql")]
    return frozenset(name for name, _, only_for in stems if only_for in ("", dialect))


@cache
def in_sqlite(sql: str) -> str:
    """``sql``, which is written for PostgreSQL, translated for SQLite."""
    for pattern, spelling in _translations():
        sql = pattern.sub(spelling, sql)
    return sql


def list_parameters(sql: str) -> list[str]:
    """The names of the parameters of ``sql`` that take a list."""
    return list(dict.fromkeys(re.findall(_dialects()["lists"], sql)))


@cache
def _translations() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(each["postgresql"]), each["sqlite"]) for each in _dialects()["expressions"]]


@cache
def _dialects() -> dict[str, Any]:
    return tomllib.loads((sql_folder() / "dialects.toml").read_text(encoding="utf-8"))


@cache
def sql_file(kind: str, name: str) -> SqlFile:
    """The file ``sql/<kind>/<name>.sql``."""
    return SqlFile(name, (sql_folder() / kind / f"{name}.sql").read_text(encoding="utf-8"))


def earlier_digests(migration: str) -> set[str]:
    """The digests that earlier versions recorded for ``migration``, of the whole file with comments."""
    lines = (sql_folder() / "migrations" / "earlier_digests.txt").read_text(encoding="utf-8").splitlines()
    recorded = [line.split() for line in lines if not line.startswith("#")]
    return {digest for digest, file in recorded if file.partition(".")[0] == migration}
