"""Translates the errors of SQLAlchemy and the drivers to moodlog's own, without people's data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError

from mood_core.errors import ConfigError, DatabaseDamaged, StoreBusy, StoreError, StoreUnreachable

_DAMAGED = ("malformed", "not a database")
_REPEATABLE = ("40001", "40P01", "55P03")
"""A serialisation failure; a deadlock, for example with a migration; a lock that was not released in time."""

_GONE = ("08", "57P0")  # connection exceptions; shutting down, crashed or starting up


@contextmanager
def translated(database: object) -> Iterator[None]:
    """Raise errors of the block as errors about ``database``, whose text has no password."""
    try:
        yield
    except OperationalError as error:
        if "locked" in str(error.orig) or "busy" in str(error.orig):
            raise StoreBusy(f"another program is writing to {database}; try again in a minute") from error
        if getattr(error.orig, "sqlstate", "") in _REPEATABLE:
            raise StoreBusy(f"another program was writing to {database} at once; run this again") from error
        if _is_gone(error):
            raise StoreUnreachable(f"the database {database} does not answer: {_first_line(error)}") from error
        raise StoreError(f"the database {database} cannot be used: {_first_line(error)}") from error
    except NoSuchModuleError as error:
        raise ConfigError(f"no driver for {database}") from error
    except UnicodeEncodeError:
        raise StoreError(f"the database {database} takes no text with lone surrogates") from None
    except DBAPIError as error:
        if any(sign in str(error.orig) for sign in _DAMAGED):
            problem = f"the database {database} is damaged ({_first_line(error)})"
            raise DatabaseDamaged(f"{problem}; `moodlog rebuild` moves it away and makes it again") from error
        # PostgreSQL's own error contains the whole row, which must not be logged.
        raise StoreError(f"the database {database} refused the data: {_first_line(error)}") from None


def _is_gone(error: OperationalError) -> bool:
    """Whether the server does not answer or the connection was lost; not whether it refuses the login."""
    state = getattr(error.orig, "sqlstate", "")
    if state is None:  # no answer, or none that the driver could read
        return not any(sign in str(error.orig) for sign in ("authentication failed", "does not exist", "pg_hba.conf"))
    return state.startswith(_GONE)


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
