"""The meaning of the views and their columns, from the views' comments and ``sql/columns.toml``."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

from sqlalchemy import inspect

from mood_core.errors import StoreError
from mood_core.store.engine.database import Database
from mood_core.store.engine.sql_files import sql_files, sql_folder

INNER = frozenset({"listen_times", "day_moods", "track_moods"})
"""Views that are a base of other views and are not for users."""


@dataclass(frozen=True, slots=True)
class ViewMeaning:
    """The comment of a view and the meanings of its columns."""

    comment: str
    columns: dict[str, str]


def view_meanings(database: Database) -> dict[str, ViewMeaning]:
    """The meaning of each view for users by name, in the order of the files.

    Raises:
        StoreError: The database cannot be read, or a column of a view has no meaning in ``sql/columns.toml``.
    """
    meanings = tomllib.loads((sql_folder() / "columns.toml").read_text(encoding="utf-8"))
    found = {}
    with database.read() as connection:
        for file in sql_files("views", database.dialect):
            name = file.name.partition("_")[2]
            if name not in INNER:
                columns = [column["name"] for column in inspect(connection).get_columns(name)]
                if new := ", ".join(sorted(set(columns) - meanings.keys())):
                    raise StoreError(
                        f"The view {name} has columns without a meaning: {new}. Add them to sql/columns.toml."
                    )
                found[name] = ViewMeaning(_comment(file.text), {column: meanings[column] for column in columns})
    return found


def _comment(sql: str) -> str:
    lines = re.match(r"(?:-- .*\n)+", sql)
    return re.sub(r"\s*\n?-- ", " ", lines.group(0)).strip() if lines else ""
