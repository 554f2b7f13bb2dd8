"""A PostgreSQL database with moodlog's tables, and the lake beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mood_core.lake import Lake, open_lake
from mood_core.store import Database, open_database
from tests.postgres_pool import PostgresPool


@pytest.fixture
def url(postgres_pool: PostgresPool, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A migrated database, which is the one of the settings."""
    with postgres_pool.database() as address:
        monkeypatch.setenv("MOODLOG_DATABASE_URL", address)
        yield address


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with closing(open_database(url)) as opened:
        yield opened


@pytest.fixture
def lake(home: Path) -> Lake:
    return open_lake(str(home / "lake"))
