"""Rows of the history of flow runs that name a person: which go, and of which only the name goes.

Tables and columns are read from the file: what a later Prefect adds is history by default, and goes.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mood_core.text.words_of_a_person import WordsOfAPerson

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
"""What a person has set: it is reported and stays, because a deployment without its parameter does something else."""

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
"""What Prefect needs itself; moodlog writes no person into it."""

_BLANKED = ("flow_run", "flow_run_state", "task_run", "task_run_state")
"""What a run cannot do without: only the texts in them that name the person go."""

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
"""Columns whose texts are Prefect's own, and names of code: somebody may be called Completed."""

_KEYS = ("cache_key", "idempotency_key")
_ENDED = "('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')"
_AT_ONCE = 500


class HistoryRows:
    """The rows of an ``opened`` history that name ``person``."""

    def __init__(self, opened: sqlite3.Connection, person: WordsOfAPerson) -> None:
        self._opened = opened
        self._person = person
        opened.create_function("names_person", 1, person.are_in, deterministic=True)

    def remove(self) -> int:
        """Delete or blank them; returns how many there were."""
        count = self._delete_waiting_runs() + self._delete_runs(f"state_type IN {_ENDED}")
        tables = [str(row[0]) for row in self._opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in sorted(set(tables) - {*_SETTINGS, *_PREFECTS}):
            if not table.startswith("sqlite_"):
                count += self._blank(table) if table in _BLANKED else self._delete(table)
        return count

    def settings_that_name_them(self) -> Iterator[str]:
        """``table id`` of each setting that names the person."""
        for table in _SETTINGS:
            if condition := self._condition(table):
                for (id_,) in self._opened.execute(f'SELECT id FROM "{table}" WHERE {condition}'):  # noqa: S608
                    yield f"{table.replace('_', ' ')} {id_}"

    def _delete_waiting_runs(self) -> int:
        """Take the person out of runs that have not begun; one that is for nobody else is deleted."""
        condition = self._condition("flow_run")
        query = (
            f"SELECT id, parameters FROM flow_run WHERE run_count = 0 AND state_type = 'SCHEDULED' AND ({condition})"  # noqa: S608
        )
        waiting = self._opened.execute(query).fetchall() if condition else []
        mine = []
        for id_, parameters in waiting:
            kept = self._without_them(parameters)
            if kept is None:
                mine.append(id_)
            else:
                self._opened.execute("UPDATE flow_run SET parameters = ? WHERE id = ?", (kept, id_))
        return self._delete_by_id(mine)

    def _without_them(self, parameters: str) -> str | None:
        """``parameters`` with lists that no longer hold the person; None where they would narrow the run no more."""
        values = json.loads(parameters or "{}")
        for name, value in values.items():
            if isinstance(value, list):
                values[name] = [one for one in value if not self._person.are_in(json.dumps(one))]
                if value and not values[name]:
                    return None
        changed = json.dumps(values)
        return None if self._person.are_in(changed) else changed

    def _delete_runs(self, which: str) -> int:
        condition = self._condition("flow_run")
        if not condition:
            return 0
        query = f"SELECT id FROM flow_run WHERE {which} AND ({condition})"  # noqa: S608
        return self._delete_by_id([row[0] for row in self._opened.execute(query)])

    def _delete_by_id(self, runs: list[str]) -> int:
        """Delete ``runs`` with their logs and artifacts; states, task runs and inputs go with them by the schema."""
        for some in _parts(runs):
            marks = ", ".join("?" * len(some))
            with self._transaction():
                for table in ("log", "artifact", "artifact_collection"):
                    self._opened.execute(f"DELETE FROM {table} WHERE flow_run_id IN ({marks})", some)  # noqa: S608
                self._opened.execute(f"DELETE FROM flow_run WHERE id IN ({marks})", some)  # noqa: S608
        return len(runs)

    def _delete(self, table: str) -> int:
        condition = self._condition(table)
        rows = self._rows(table, condition)
        for some in _parts(rows):
            marks = ", ".join("?" * len(some))
            with self._transaction():
                self._opened.execute(
                    f'DELETE FROM "{table}" WHERE rowid IN ({marks}) AND ({condition})',  # noqa: S608
                    some,
                )
        return len(rows)

    def _blank(self, table: str) -> int:
        columns = self._columns(table)
        rows = self._rows(table, self._condition(table))
        for row in rows:
            with self._transaction():
                self._blank_row(table, columns, row)
        return len(rows)

    def _blank_row(self, table: str, columns: list[str], row: int) -> None:
        names = ", ".join(f'"{name}"' for name in columns)
        found = self._opened.execute(f'SELECT {names} FROM "{table}" WHERE rowid = ?', (row,)).fetchone()  # noqa: S608
        for name, value in zip(columns, found or (), strict=bool(found)):
            if self._person.are_in(value):
                new = None if name in _KEYS else self._person.blanked(value)
                self._opened.execute(f'UPDATE "{table}" SET "{name}" = ? WHERE rowid = ?', (new, row))  # noqa: S608

    def _rows(self, table: str, condition: str) -> list[int]:
        if not condition:
            return []
        return [row[0] for row in self._opened.execute(f'SELECT rowid FROM "{table}" WHERE {condition}')]  # noqa: S608

    def _condition(self, table: str) -> str:
        return " OR ".join(f'names_person("{name}")' for name in self._columns(table))

    def _columns(self, table: str) -> list[str]:
        """The columns of ``table`` that hold texts of people."""
        found = self._opened.execute(f'PRAGMA table_info("{table}")').fetchall()
        kinds = {row[1]: row[2].upper() for row in found}
        is_text = {name for name, kind in kinds.items() if kind in ("JSON", "TEXT") or kind.startswith("VARCHAR")}
        return sorted(is_text - set(_WORDS_OF_PREFECT))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One that no other program comes between; short, because the server waits meanwhile."""
        self._opened.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._opened.execute("ROLLBACK")
            raise
        self._opened.execute("COMMIT")


def _parts(rows: list[str] | list[int]) -> Iterable[list[str] | list[int]]:
    return (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))
