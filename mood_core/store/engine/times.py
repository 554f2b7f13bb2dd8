"""Times in SQL are milliseconds since 1970; times in Python are aware UTC."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from mood_core.domain.records import from_ms


def with_times(row: Row[Any]) -> dict[str, Any]:
    """The columns of ``row`` by name, with each ``..._at_ms`` as an aware UTC time ``..._at``; NULL is None."""
    return {
        name.removesuffix("_ms") if name.endswith("_at_ms") else name: from_ms(value)
        if name.endswith("_at_ms") and value is not None
        else value
        for name, value in row._mapping.items()  # noqa: SLF001 - SQLAlchemy's public name for it
    }
