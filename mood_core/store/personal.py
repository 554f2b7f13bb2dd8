"""Everything SQL knows of one person, for them to take along. Tokens stay: they open an account."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa
from sqlalchemy import text

from mood_core.store.database import Database

_QUERIES: Mapping[str, str] = MappingProxyType(
    {
        "person": (
            "SELECT u.user_id, u.display_name, u.timezone, u.connected_at_ms, a.state, a.state_reason,"
            " a.authorised_at_ms, a.last_pulled_at_ms, a.last_problem"
            " FROM users AS u LEFT JOIN accounts AS a ON a.user_key = u.user_key WHERE u.user_id = :id"
        ),
        "listens": "SELECT * FROM mood_history WHERE user_id = :id ORDER BY played_at_ms, track_id",
        "gaps": (
            "SELECT u.user_id, g.starts_at_ms, g.ends_at_ms, g.found_at_ms, g.filled_at_ms"
            " FROM gaps AS g JOIN users AS u ON u.user_key = g.user_key WHERE u.user_id = :id ORDER BY g.starts_at_ms"
        ),
        "plays_by_name": (
            "SELECT u.user_id, p.ended_at_ms, p.artist, p.title, p.ms_played, t.track_id"
            " FROM named_plays AS p JOIN users AS u ON u.user_key = p.user_key"
            " LEFT JOIN tracks AS t ON t.track_key = p.track_key"
            " WHERE u.user_id = :id ORDER BY p.ended_at_ms, p.artist, p.title"
        ),
        "imports": (
            "SELECT u.user_id, f.digest, f.options, f.rows_read, f.fates, f.imported_at_ms"
            " FROM imported_files AS f JOIN users AS u ON u.user_key = f.user_key"
            " WHERE u.user_id = :id ORDER BY f.imported_at_ms, f.digest"
        ),
    }
)


def personal_rows(database: Database, user_id: str) -> dict[str, pa.Table]:
    """The ``person``, their ``listens`` with track and mood, their ``gaps``, and what they imported, all of one moment.

    ``plays_by_name`` are the plays that an export named by artist and title alone, ``imports`` the exports themselves.

    Raises:
        StoreError: The database cannot be read.
    """
    found = {}
    with database.read() as connection:
        for name, query in _QUERIES.items():
            result = connection.execute(text(query), {"id": user_id})
            names = list(result.keys())
            columns = list(zip(*result, strict=True)) or [()] * len(names)
            found[name] = pa.table(dict(zip(names, map(pa.array, columns), strict=True)))
    return found
