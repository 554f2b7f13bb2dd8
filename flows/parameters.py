"""Types of the flows' parameters, for forms and for a server that refuses bad ones before a run starts."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import WithJsonSchema

_A_DAY = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"  # Prefect's server checks a pattern, but not a format

Day = Annotated[date, WithJsonSchema({"type": "string", "format": "date", "pattern": _A_DAY})]
"""A day, written as 2026-11-01."""
