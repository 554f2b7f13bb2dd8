"""Makes the data dictionary: ``python -m mood_core.store.queries.dictionary > docs/data-dictionary.md``."""

from __future__ import annotations

import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import inspect

from mood_core.lake.schema import DATASETS
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.sql_files import sql_files, sql_folder

INNER = frozenset({"listen_times", "day_moods", "track_moods"})
"""Views that others stand on; people ask those."""


def data_dictionary() -> str:
    """The dictionary as Markdown, from the views' comments, ``sql/columns.toml`` and the lake's schemas."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'dictionary.db'}")
        try:
            migrate(database, now=datetime(2026, 1, 1, tzinfo=UTC))
            return "\n".join([*_views(database), *_datasets()]) + "\n"
        finally:
            database.close()


@dataclass(frozen=True, slots=True)
class ViewMeaning:
    """What a view holds, and what each of its columns means."""

    comment: str
    columns: dict[str, str]


def view_meanings(database: Database) -> dict[str, ViewMeaning]:
    """The meaning of each view that people ask, by name, in reading order; from its comment and ``sql/columns.toml``.

    Raises:
        StoreError: The database cannot be read.
    """
    meanings = tomllib.loads((sql_folder() / "columns.toml").read_text(encoding="utf-8"))
    found = {}
    with database.read() as connection:
        for file in sql_files("views", database.dialect):
            name = file.name.partition("_")[2]
            if name not in INNER:
                columns = [column["name"] for column in inspect(connection).get_columns(name)]
                found[name] = ViewMeaning(_comment(file.text), {column: meanings[column] for column in columns})
    return found


def _views(database: Database) -> Iterator[str]:
    yield from ("# Data dictionary", "", "Made by `python -m mood_core.store.queries.dictionary`; do not edit.", "")
    yield from ("## Views in SQL", "", "The same on SQLite and PostgreSQL.", "")
    for name, view in view_meanings(database).items():
        yield from (f"### {name}", "", view.comment, "", "| column | meaning |", "|---|---|")
        yield from (f"| `{column}` | {meaning} |" for column, meaning in view.columns.items())
        yield ""


def _datasets() -> Iterator[str]:
    yield from ("## Datasets in the lake", "", "Parquet files `<dataset>/month=YYYY-MM/<batch id>.parquet`.", "")
    for dataset in DATASETS.values():
        key = ", ".join(f"`{name}`" for name in dataset.key)
        yield from (f"### {dataset.name}/", "", f"Key: {key}.", "", "| column | type | meaning |", "|---|---|---|")
        for field in dataset.schema:
            kind = re.sub(r"dictionary<values=(\w+).*", r"\1", str(field.type))
            kind = re.sub(r"list<.*", "list of string", kind)
            empty = ", or empty" if field.nullable else ""
            yield f"| `{field.name}` | {kind}{empty} | {field.metadata[b'description'].decode()} |"
        yield ""


def _comment(sql: str) -> str:
    lines = re.match(r"(?:-- .*\n)+", sql)
    return re.sub(r"\s*\n?-- ", " ", lines.group(0)).strip() if lines else ""


if __name__ == "__main__":
    sys.stdout.write(data_dictionary())
