"""The doctor's findings about the read replica."""

from __future__ import annotations

from mood_core.store.engine.database import Database
from mood_core.store.engine.replica import ReadReplica
from mood_core.usecases.upkeep.check_health import Finding, Level
from mood_core.usecases.upkeep.check_secrets import encrypted_connection

_WHAT = "read replica"
_SETTING = "MOODLOG_READ_DATABASE_URL"


def replica_findings(reading: Database) -> list[Finding]:
    """Whether the read replica answers, is read-only, has this schema, and how far it is behind; empty without one."""
    if not isinstance(reading, ReadReplica):
        return []
    state = reading.state()
    if state.problem:
        remedy = f"pages and reports read the main database until then; without a replica, remove {_SETTING}"
        return [Finding(_WHAT, Level.WARNING, state.problem, remedy)]
    late = f"{state.behind_s:.0f} s behind" if state.behind_bytes else "not behind"
    said = f"{reading.replica}: read-only, schema up to date, {late}"
    return [Finding(_WHAT, Level.OK, said), *encrypted_connection(reading.replica, _SETTING)]
