"""A second schema of a PostgreSQL database, which a rebuild fills beside the tables that are in use.

It has every table, the ledger included, so that a rebuild continues after a crash with the files that are not loaded.
At the end its tables replace the others in one short transaction. What the lake does not have is copied then: accounts,
tombstones, and what was added to the tables by hand. Tables without people that the lake does not fill stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, inspect

from mood_core.errors import ConfigError
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.migrate import migrate, views_removed
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.partitions import count_partitions
from mood_core.store.engine.tables import tables_about_people
from mood_core.store.loading.key_cache import invalidate_keys, invalidate_labels
from mood_core.store.upkeep import partitioning
from mood_core.store.upkeep.dependents import check_dependents, grants
from mood_core.store.upkeep.rebuilding import FILLED_BY_THE_LAKE, REFERRED_TO

_WITH_KEYS = {"models": "model_key", "_track_leases": "lease_id"}
"""Tables without people that are copied with their keys, because replaced tables refer to them."""

_ALSO = ("forgotten", "_utc_offsets", *_WITH_KEYS)
"""What is replaced beside the tables about people and those that the lake fills."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a rebuild was begun with: a digest of what it depends on, the shares of people, and the files in order.

    ``loaded`` is whether all files are loaded; their rows may not be counted yet.
    """

    fingerprint: str
    shares: int
    files: tuple[str, ...]
    loaded: bool = False


def is_begun(connection: Connection) -> bool:
    """Whether a rebuild was begun that is not complete."""
    return connection.dialect.name == "postgresql" and bool(connection.execute(query("second_schema")).one().is_ours)


def drop(connection: Connection) -> None:
    """Remove what a rebuild that was begun has loaded."""
    if is_begun(connection):
        connection.execute(query("drop_schema", schema=_name(connection)))


def discard(database: Database) -> bool:
    """:func:`drop`; False if no rebuild was begun."""
    with database.read() as connection:
        begun = is_begun(connection)
    if begun:
        with database.write() as connection:
            drop(connection)
    return begun


@contextmanager
def second_schema(database: Database) -> Iterator[Database]:
    """The database at the second schema, which has tables after :func:`begin`."""
    with database.read() as connection:
        name = _name(connection)
    escaped = name.replace("\\", "\\\\").replace(" ", "\\ ")
    options = f"{database.engine.url.query.get('options', '')} -csearch_path={escaped}".strip()
    url = database.engine.url.update_query_dict({"options": options})
    opened = open_database(url.render_as_string(hide_password=False))
    try:
        yield opened
    finally:
        opened.close()


def fingerprint(database: Database, left_out: Iterable[str]) -> str:
    """A digest of schema, models, tombstones and the files that are ``left_out``: a rebuild depends on them."""
    return " ".join([database.scalar(query("rebuild_fingerprint")), *sorted(left_out)])


def stored_plan(second: Database) -> Plan | None:
    """The plan of a rebuild that was begun; None if the second schema was not ready to be filled."""
    with second.read() as connection:
        if not connection.scalar(query("has_rebuild_origin")):
            return None
        origin = connection.execute(query("rebuild_origin")).first()
        files = tuple(connection.scalars(query("rebuild_files")))
    return None if origin is None else Plan(origin.fingerprint, origin.shares, files, origin.loaded)


def begin(database: Database, second: Database, plan: Plan, *, now: datetime) -> None:
    """Make the second schema, with the models, tombstones and partitions of ``database``.

    Raises:
        ConfigError: Something of others depends on moodlog's tables, or the second schema cannot be made.
        StoreError: The database fails.
    """
    with database.write() as connection:
        drop(connection)
        found = connection.execute(query("second_schema")).one()
        if not found.is_short:
            raise ConfigError("a rebuild needs a second schema, so the name of moodlog's must be shorter than 56 bytes")
        if found.is_there and not found.is_ours:
            raise ConfigError(f"a rebuild needs the name of the schema {found.name} for its own: rename that one")
        if not found.may_be_made:
            raise ConfigError(
                f"a rebuild needs a second schema: give the user of {database} the right to make one, and run it again"
            )
        _run(connection, [query("create_schema", schema=_name(connection)).text])
    migrate(second, now=now)
    try:
        with database.read() as connection:
            partitions = count_partitions(connection)
            check_additions(connection)
    except ConfigError:
        with database.write() as connection:
            drop(connection)
        raise
    if partitions > 1:
        with second.write() as connection:
            partitioning.begin(connection, partitions, 1)
            partitioning.replace_tables(connection, now=now)
    complete_tables(database)  # an empty table is given another tablespace at once
    with database.write() as connection:
        _run(connection, list(connection.scalars(query("drop_foreign_keys"))))
        _copy(connection, "models")
        _copy(connection, "_utc_offsets")
        connection.execute(query("copy_tombstones", schema=_name(connection)))
    with second.write() as connection:
        connection.exec_driver_sql(query("begin_rebuild_steps").text)
        files = [{"place": place, "path": path} for place, path in enumerate(plan.files)]
        if files:
            connection.execute(query("plan_rebuild_files"), files)
        connection.execute(query("set_rebuild_origin"), {"fingerprint": plan.fingerprint, "shares": plan.shares})


def complete_tables(database: Database) -> None:
    """Give the new tables the keys, indexes and settings that the present ones have and they do not, one by one."""
    with database.read() as connection:
        statements = _definitions(connection)
    for statement in statements:
        with database.write() as connection:
            _run(connection, [statement])


def check_additions(connection: Connection) -> None:
    """Check that nothing depends on the tables that a rebuild replaces.

    Raises:
        ConfigError: Such as a view, a function, a policy or a column of others.
    """
    check_dependents(connection, _replaced(connection), "moodlog rebuild")


def replace_tables(connection: Connection, *, now: datetime) -> None:
    """Copy what the lake does not have, and put the tables of the second schema in the place of the others.

    The caller has blocked loads and pulls since before the last batch was loaded into the second schema.
    """
    schema, replaced = _name(connection), _replaced(connection)
    kept = [table for table in tables_about_people(connection) if table in replaced and table not in FILLED_BY_THE_LAKE]
    kept.remove("users")
    check_additions(connection)
    added = [*connection.scalars(query("definitions_to_keep"), {"tables": replaced}), *grants(connection, replaced)]
    with views_removed(connection, now=now):
        for table in replaced:
            connection.execute(query("lock_moved_table", table=table))
        for table in kept:
            connection.execute(query("add_users_of_table", schema=schema, table=table))
            columns = [each["name"] for each in inspect(connection).get_columns(table)]
            values = ", ".join("n.user_key" if column == "user_key" else f"o.{column}" for column in columns)
            parts = {"schema": schema, "table": table, "columns": ", ".join(columns), "values": values}
            connection.execute(query("copy_rows_with_person", **parts))
        _copy(connection, "_track_leases")
        connection.execute(query("copy_tombstones", schema=schema))
        connection.execute(query("copy_unfound_people", schema=schema))
        connection.execute(query("delete_rows", table="_stale_totals"))
        _run(connection, _definitions(connection))
        _run(connection, list(connection.scalars(query("statements_to_replace_tables"), {"tables": replaced})))
    _run(connection, added)


def block_loads(connection: Connection) -> None:
    """Wait for loads and pulls, block new ones, and invalidate what processes have cached."""
    connection.execute(query("lock_migrations"))  # loads wait here, before they lock a row
    invalidate_keys(connection)
    invalidate_labels(connection)
    connection.execute(query("lock_batches"))


def _name(connection: Connection) -> str:
    return str(connection.execute(query("second_schema")).one().name)


def _replaced(connection: Connection) -> list[str]:
    """The tables that are replaced; all others keep their rows."""
    return sorted({*tables_about_people(connection), *FILLED_BY_THE_LAKE, *REFERRED_TO, *_ALSO})


def _definitions(connection: Connection) -> list[str]:
    return list(connection.scalars(query("definitions_of_new_tables"), {"tables": _replaced(connection)}))


def _copy(connection: Connection, table: str) -> None:
    parts = {"schema": _name(connection), "table": table}
    columns = ", ".join(each["name"] for each in inspect(connection).get_columns(table))
    connection.execute(query("copy_table", **parts, columns=columns))
    if table in _WITH_KEYS:
        names = {"table": f"{parts['schema']}.{table}"}
        connection.execute(query("continue_copied_keys", **parts, column=_WITH_KEYS[table]), names)


def _run(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
