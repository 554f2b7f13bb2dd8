"""Rows of the history of flow runs that name a person: deletes them, or only the name in them.

Tables and columns are read from the file. Tables of a later Prefect count as history, and their rows are deleted.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from mood_core.store.engine.named_queries import query
from mood_core.text.names import name_key
from mood_core.text.words_of_a_person import FORGOTTEN, WordsOfAPerson
from mood_core.usecases.personal_files import Known

_SETTINGS = (
    "automation",
    "block_document",
    "concurrency_limit",
    "concurrency_limit_v2",
    "deployment",
    "deployment_schedule",
    "deployment_version",
    "saved_search",
    "variable",
    "work_pool",
    "work_queue",
)
"""Settings, which are reported and not changed: a deployment without its parameter would do something else."""

_PREFECTS = (
    "agent",
    "alembic_version",
    "automation_related_resource",
    "block_document_reference",
    "block_schema",
    "block_schema_reference",
    "block_type",
    "configuration",
    "csrf_token",
    "flow",
    "worker",
)
"""Tables of Prefect itself, into which moodlog writes no names of people."""

_BLANKED = ("flow_run", "flow_run_state", "task_run", "task_run_state")
"""Rows that running flows need: only texts that name the person are blanked."""

_WORDS_OF_PREFECT = (
    "created_by",
    "dynamic_key",
    "empirical_policy",
    "event",
    "infrastructure_pid",
    "last_operation",
    "resource_role",
    "state_name",
    "state_type",
    "status",
    "task_key",
    "type",
    "work_queue_name",
)
"""Columns with Prefect's own words and names of code: a person may be called Completed."""

_PEOPLE = ("user", "people", "user_ids")
"""The parameters of flows that name people."""

_KEYS = ("cache_key", "idempotency_key")
_OF_RUNS = {"log": "flow_run_id", "artifact": "flow_run_id", "artifact_collection": "flow_run_id", "flow_run": "id"}
_AT_ONCE = 500


class HistoryRows:
    """The rows of an ``opened`` history that name ``person``."""

    def __init__(self, opened: sqlite3.Connection, person: WordsOfAPerson) -> None:
        self._opened = opened
        self._person = person
        opened.create_function("names_person", -1, lambda *texts: any(map(person.are_in, texts)), deterministic=True)

    def remove(self) -> int:
        """Delete or blank them; returns their number."""
        count = self._delete_waiting_runs() + self._delete_ended_runs()
        tables = [str(name) for (name,) in self._opened.execute(query("sqlite_tables").text)]
        for table in sorted(set(tables) - {*_SETTINGS, *_PREFECTS}):
            count += self._blank(table) if table in _BLANKED else self._delete(table)
        return count

    def settings_that_name_them(self) -> Iterator[str]:
        """``table id`` of each setting that names the person."""
        for table in _SETTINGS:
            for id_ in self._found("prefect_ids", table):
                yield f"{table.replace('_', ' ')} {id_}"

    def _delete_waiting_runs(self) -> int:
        """Remove the person from runs that have not started; delete runs for this person alone."""
        columns = _quoted(self._columns("flow_run"))
        waiting = self._opened.execute(query("prefect_waiting_runs", columns=columns).text).fetchall()
        mine = []
        for id_, parameters in waiting:
            kept = self._without_them(parameters)
            if kept is None:
                mine.append(id_)
            else:
                self._opened.execute(query("set_prefect_parameters").text, {"parameters": kept, "id": id_})
        return self._delete_by_id(mine)

    def _without_them(self, parameters: str) -> str | None:
        """``parameters`` with lists without the person; None if a list becomes empty or another value names them."""
        values = json.loads(parameters or "{}")
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = [one for one in value if not self._person.are_in(json.dumps(one))]
                if value and not values[name]:
                    return None
        changed = json.dumps(values)
        return None if self._person.are_in(changed) else changed

    def _delete_ended_runs(self) -> int:
        columns = _quoted(["id", *self._columns("flow_run")])
        ended = self._opened.execute(query("prefect_ended_runs", "of_person", columns=columns).text)
        return self._delete_by_id([id_ for id_, _ in ended])

    def _delete_by_id(self, runs: list[str]) -> int:
        """Delete ``runs`` with their logs and artifacts; the schema deletes states, task runs and inputs with them."""
        for some in _parts(runs):
            with self._transaction():
                for table, column in _OF_RUNS.items():
                    delete = query("delete_prefect_runs", table=table, column=column).in_sqlite()
                    self._opened.execute(delete, {"ids": json.dumps(some)})
        return len(runs)

    def _delete(self, table: str) -> int:
        rows = self._found("prefect_rows", table)
        delete = query("delete_prefect_rows", table=table, columns=_quoted(self._columns(table))).in_sqlite()
        for some in _parts(rows):
            with self._transaction():
                self._opened.execute(delete, {"ids": json.dumps(some)})
        return len(rows)

    def _blank(self, table: str) -> int:
        columns = self._columns(table)
        rows = self._found("prefect_rows", table)
        for row in rows:
            with self._transaction():
                self._blank_row(table, columns, row)
        return len(rows)

    def _blank_row(self, table: str, columns: list[str], row: int) -> None:
        texts = query("prefect_texts", table=table, columns=_quoted(columns))
        found = self._opened.execute(texts.text, {"row": row}).fetchone()
        for name, value in zip(columns, found or (), strict=bool(found)):
            if self._person.are_in(value):
                new = None if name in _KEYS else self._person.blanked(value)
                change = query("set_prefect_text", table=table, column=_quoted([name]))
                self._opened.execute(change.text, {"value": new, "row": row})

    def _found(self, statement: str, table: str) -> list[Any]:
        """The first column of the rows of ``table`` that name the person."""
        rows = self._opened.execute(query(statement, table=table, columns=_quoted(self._columns(table))).text)
        return [first for (first,) in rows]

    def _columns(self, table: str) -> list[str]:
        """The columns of ``table`` with texts of people."""
        found = self._opened.execute(query("sqlite_columns").text, {"table": table})
        kinds = {name: kind.upper() for name, kind in found}
        is_text = {name for name, kind in kinds.items() if kind in ("JSON", "TEXT") or kind.startswith("VARCHAR")}
        return sorted(is_text - set(_WORDS_OF_PREFECT))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction that blocks other writers; short, because the server waits for it."""
        with self._opened:  # commits, or rolls back after an error
            self._opened.execute(query("begin_transaction", "immediate").text)
            yield


def runs_of_strangers(opened: sqlite3.Connection, known: Known) -> list[str]:
    """The ids of ended runs with a parameter that is a person whom ``known`` does not find."""
    runs = [(id_, set(_people_in(parameters))) for id_, parameters in opened.execute(query("prefect_ended_runs").text)]
    people = known(set().union(*(named for _, named in runs)))
    keys = {*people, *map(name_key, people), FORGOTTEN}
    return [id_ for id_, named in runs if any(not keys & {who, name_key(who)} for who in named)]


def _people_in(parameters: str | None) -> Iterator[str]:
    values = json.loads(parameters or "{}")
    for name in _PEOPLE:
        given = values.get(name) or ()
        yield from (who for who in (given if isinstance(given, list) else [given]) if isinstance(who, str))


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _parts(rows: list[str] | list[int]) -> Iterable[list[str] | list[int]]:
    return (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))
