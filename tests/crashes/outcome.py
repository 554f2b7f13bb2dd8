"""What a home holds, comparable between homes: every row of SQL by natural keys, every row of the lake, every file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from mood_core.app.workspace import Workspace
from mood_core.classifier import bundled_folder
from mood_core.lake.schema import DATASETS
from mood_core.store.loading.counted import COUNTED
from mood_core.usecases.upkeep.verify_lake import verify
from tests.crashes.homes import NOW

Outcome = dict[str, list[str]]

_BOOKKEEPING = {
    "_batches",
    "_api_calls",
    "_cache_versions",
    "_schema_migrations",
    "_imported_files",
    "_imports",
    "_fences",
    *COUNTED,
}
"""Tables that record how the facts came in; ``verify`` holds the ledger against lake and SQL.

The counts of earlier listens too, which a run may leave to the next one: the views are right without them.
"""

_WHEN_WRITTEN = {
    "recorded_at", "fetched_at", "labelled_at", "missed_at", "first_missed_at", "last_missed_at", "found_at",
    "filled_at", "loaded_at", "connected_at", "last_pulled_at", "due_at", "leased_until", "refresh_until", "until",
    "unavailable_since", "read_again_at", "forgotten_at", "lifted_at", "answered_at",
}  # fmt: skip
_MAY_REPEAT = ("gaps", "tracks", "track_names", "users", "mood_answers")
"""Of which the lake may hold a row twice, and SQL one: a gap is repeated by the run after one that was killed before
it stored the listens beyond it; a track that two people heard is described and named by both of their shards at once;
a person is repeated by the command that was killed before SQL knew them, and so is an answer, in SQL too: the latest
one counts."""

_PACE = {"recent_plays", "half_window_ms"}
"""Counted by the pull from what was stored until then, which may be an import that runs beside it or not."""

_OF_ITS_OWN = {"token", "token_version", "last_problem", "lease_number", "person_hash", "hash_key"}
_NOT_COMPARED = _WHEN_WRITTEN | _OF_ITS_OWN
_NATURAL = {
    "user_key": ("users", "user_id"),
    "track_key": ("tracks", "track_id"),
    "source_key": ("sources", "source"),
    "model_key": ("models", "model_version"),
}


def outcome(workspace: Workspace) -> Outcome:
    """Everything that ``workspace`` holds but the times of writing, and what ``verify --deep`` says of it."""
    findings = verify(workspace.lake, workspace.database, now=NOW, deep=True).findings
    return {
        **_sql(workspace),
        **_lake(workspace),
        "tokens": _tokens(workspace),
        "files": _files(workspace.settings.home, Path(workspace.lake.root)),
        "findings of verify": [f"{finding.subject}: {finding.problem}" for finding in findings],
    }


def differences(expected: Outcome, found: Outcome) -> list[str]:
    """Each difference in a line, with its first rows."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        gone, new = (
            _without(expected.get(name, []), found.get(name, [])),
            _without(found.get(name, []), expected.get(name, [])),
        )
        lines += [f"{name}: {len(gone)} gone, {len(new)} new: {gone[:2]} {new[:2]}"] if gone or new else []
    return lines


def _without(rows: list[str], others: list[str]) -> list[str]:
    left = list(others)
    result = []
    for row in rows:
        if row in left:
            left.remove(row)
        else:
            result.append(row)
    return result


def _sql(workspace: Workspace) -> Outcome:
    result = {}
    with workspace.database.read() as connection:
        names = _names(connection)
        for table in sorted(set(inspect(connection).get_table_names()) - _BOOKKEEPING):
            rows = connection.execute(text(f"SELECT * FROM {table}")).mappings()  # noqa: S608
            texts = [repr(_natural(dict(row), names)) for row in rows]
            result[f"SQL {table}"] = sorted(set(texts) if table == "mood_answers" else texts)
    return result


def _names(connection: Connection) -> dict[str, dict[int, str]]:
    present = set(inspect(connection).get_table_names())
    return {
        key: {row[0]: row[1] for row in connection.execute(text(f"SELECT {key}, {name} FROM {table}"))}  # noqa: S608
        for key, (table, name) in _NATURAL.items()
        if table in present
    }


def _natural(row: Mapping[str, Any], names: Mapping[str, Mapping[int, str]]) -> list[Any]:
    values = []
    for name in sorted(row):
        value = row[name]
        if name in _OF_ITS_OWN or name == "refresh_owner":
            continue
        if name.removesuffix("_ms") in _WHEN_WRITTEN:
            value = value is not None
        elif name == "leased_by" or name in _PACE:
            value = None
        elif name in names and value is not None:
            value = names[name][value]
        elif isinstance(value, float):
            value = f"{value:.6g}"
        values.append((name, value))
    return values


def _lake(workspace: Workspace) -> Outcome:
    lake = workspace.lake
    result: Outcome = {"superseded": [path for name in DATASETS for path in lake.superseded(name)]}
    for name in DATASETS:
        rows = [row for path in lake.paths(name) for row in lake.read(path)[1].to_pylist()]
        kept = ({column: value for column, value in row.items() if column not in _NOT_COMPARED} for row in rows)
        texts = map(str, kept)
        result[f"lake {name}"] = sorted(set(texts) if name in _MAY_REPEAT else texts)
    return result


def _tokens(workspace: Workspace) -> list[str]:
    """Whose token can be decrypted with the keys of this home."""
    found = []
    for account in workspace.accounts.all():
        stored = workspace.tokens.read(account.user_id)
        if stored is not None:
            found.append(f"{account.user_id} {len(workspace.cipher.decrypt(stored.ciphertext)) > 0}")
    return found


def _files(home: Path, lake: Path) -> list[str]:
    """Every file but the database's and the batches', also hidden ones."""
    own = {path.name for path in bundled_folder().iterdir()}
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*")
        if not path.name.startswith("moodlog.db")
        and not (path.is_relative_to(lake) and (path.suffix == ".parquet" or path.is_dir()) and path.name[0] != ".")
        and path.name not in own
    )
