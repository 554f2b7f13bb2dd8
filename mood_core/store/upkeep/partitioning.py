"""Steps of a move of ``listens`` and ``_mood_days`` into other partitions on PostgreSQL.

New tables are filled beside the old ones, from some pages in each transaction, while other processes read and write the
old ones. Triggers note the people whose rows change; their rows are copied again. At the end the new tables replace the
old ones in one short transaction. The steps that are done are stored with the rows, so a move continues after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from mood_core.store.engine.migrate import views_removed
from mood_core.store.engine.named_queries import Query, query
from mood_core.store.engine.partitions import PARTITIONED
from mood_core.store.upkeep.dependents import check_dependents, grants

_NEW = {table: f"_new_{table.removeprefix('_')}" for table in PARTITIONED}


@dataclass(frozen=True, slots=True)
class Step:
    """Some pages of ``part``, the table ``name`` or a partition of it."""

    step: int
    name: str
    part: str
    first_page: int
    last_page: int
    is_done: bool


def is_begun(connection: Connection) -> bool:
    """Whether a move was begun that is not complete."""
    return connection.dialect.name == "postgresql" and bool(connection.scalar(query("has_partition_steps")))


def begun_partitions(connection: Connection) -> int:
    """The number of partitions of a move that was begun and is not complete; 0 without one."""
    if not is_begun(connection):
        return 0
    return connection.scalar(query("count_partitions"), {"table": _NEW[PARTITIONED[0]]}) or 1


def can_continue(connection: Connection, partitions: int) -> bool:
    """Whether a move that was begun leads to ``partitions``, and no table was rewritten since."""
    names = [{"table": table, "new": new} for table, new in _NEW.items()]
    return all(
        (connection.scalar(query("count_partitions"), {"table": each["new"]}) or 1) == partitions
        and not connection.scalar(query("are_partition_steps_outdated"), each)
        for each in names
    )


def check_additions(connection: Connection) -> None:
    """Check that nothing depends on the tables that a move replaces.

    Raises:
        ConfigError: Such as a view, a function or a policy of others.
    """
    check_dependents(connection, PARTITIONED, "moodlog partition")


def begin(connection: Connection, partitions: int, pages: int) -> None:
    """Make the new tables with ``partitions`` (1: without partitions), and plan steps of ``pages``."""
    _run(connection, query("begin_partition_steps"))
    for table, new in _NEW.items():
        options = ["hash"] if partitions > 1 else []
        _run(connection, query("begin_moving_table", *options, table=table, new=new))
        for number in range(partitions if partitions > 1 else 0):
            part = f"_{table.removeprefix('_')}_{number}_of_{partitions}"
            names = {"modulus": str(partitions), "remainder": str(number)}
            _run(connection, query("create_partition", part=part, table=new, **names))
        connection.execute(query("plan_partition_steps"), {"table": table, "pages": pages})


def steps(connection: Connection) -> list[Step]:
    """All steps, in the order of the pages."""
    return [Step(**row) for row in connection.execute(query("partition_steps")).mappings()]


def copy_step(connection: Connection, step: Step) -> None:
    """Copy the rows of one step, and mark it as done."""
    pages = {"first": f"({step.first_page},0)", "last": f"({step.last_page},0)"}
    connection.execute(query("copy_pages", new=_NEW[step.name], part=step.part), pages)
    connection.execute(query("end_partition_step"), {"step": step.step})


def copy_changed(connection: Connection, people: int) -> int:
    """Copy the rows of up to ``people`` again that have changed since they were copied; returns their number."""
    changed = {"ids": list(connection.scalars(query("people_changed_while_moving"), {"limit": people}))}
    if changed["ids"]:
        connection.execute(query("remove_partition_changes"), changed)
        for table, new in _NEW.items():
            connection.execute(query("delete_counted", table=new), changed)
            connection.execute(query("copy_rows_of_people", table=table, new=new), changed)
    return len(changed["ids"])


def is_complete(connection: Connection) -> bool:
    """Whether the new tables have as many rows as the old ones, without people whose rows have changed."""
    names = _NEW.items()
    return all(connection.scalar(query("are_moved_rows_complete", table=table, new=new)) for table, new in names)


def replace_tables(connection: Connection, *, now: datetime) -> None:
    """Copy the last changes, and put the new tables in the place of the old ones."""
    connection.execute(query("lock_migrations"))  # loads wait here, before they lock a row
    check_additions(connection)
    granted = grants(connection, PARTITIONED)
    with views_removed(connection, now=now):
        for table in _NEW:
            connection.execute(query("lock_moved_table", table=table))
        while copy_changed(connection, 1000):
            pass
        for table, new in _NEW.items():
            _replace(connection, table, new)
        _run(connection, query("end_partition_steps"))
    for statement in granted:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def drop_new_tables(connection: Connection) -> None:
    """Remove what a move that was begun has made; the old tables stay as they are."""
    for table, new in _NEW.items():
        _run(connection, query("end_moving_table", table=table, new=new))
    _run(connection, query("end_partition_steps"))


def bytes_left(connection: Connection, partitions: int) -> int:
    """The size of what a move to ``partitions`` has still to copy, with its indexes."""
    size = sum(int(connection.scalar(query("stored_size"), {"table": table}) or 0) for table in PARTITIONED)
    if not is_begun(connection) or not can_continue(connection, partitions):
        return size
    planned = steps(connection)
    return size * sum(not step.is_done for step in planned) // max(len(planned), 1)


def _replace(connection: Connection, table: str, new: str) -> None:
    indexes = connection.execute(query("index_names"), {"table": table, "new": new}).all()
    definitions = list(connection.scalars(query("definitions_to_move"), {"table": table}))
    _run(connection, query("replace_table", table=table, new=new))
    for index in indexes:
        _run(connection, query("rename_index", old=index.new_name, new=index.old_name))
    for definition in definitions:
        connection.exec_driver_sql(definition, execution_options={"no_parameters": True})


def _run(connection: Connection, statements: Query) -> None:
    connection.exec_driver_sql(statements.text, execution_options={"no_parameters": True})
