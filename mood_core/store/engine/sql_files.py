"""Finds the project's SQL files: in the top-level ``sql`` folder of a checkout, or inside an installed wheel."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One SQL file: its ``name`` without the dialect, its whole ``text`` and that text's ``sha256``."""

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Hex digest of the text, by which a changed file is noticed."""
        return sha256(self.text.encode()).hexdigest()


def sql_folder() -> Path:
    """The folder of SQL files. A wheel carries it as ``mood_core/_sql``; a checkout has it beside ``mood_core``."""
    packaged = _PACKAGE / "_sql"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "sql"


def sql_files(kind: str, dialect: str) -> list[SqlFile]:
    """The files of ``sql/<kind>/`` that hold for ``dialect`` (sqlite or postgresql), in the order of their names.

    ``NAME.sql`` holds for both; ``NAME.sqlite.sql`` and ``NAME.postgresql.sql`` for one.
    """
    files = []
    for path in sorted((sql_folder() / kind).glob("*.sql")):
        name, _, only_for = path.stem.partition(".")
        if only_for in ("", dialect):
            files.append(SqlFile(name, path.read_text(encoding="utf-8")))
    return files


def sql_file(kind: str, name: str) -> SqlFile:
    """The file ``sql/<kind>/<name>.sql``."""
    return SqlFile(name, (sql_folder() / kind / f"{name}.sql").read_text(encoding="utf-8"))
