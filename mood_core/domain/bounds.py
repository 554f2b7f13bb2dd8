"""Bounds of a play's values. Readers reject rows outside them, so that the lake and SQL accept what was read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mood_core.domain.records import to_ms

EARLIEST_PLAY = datetime(2000, 1, 1, tzinfo=UTC)
"""An earlier time comes from a clock that was not set."""

CLOCKS_DIFFER = timedelta(days=1)
"""How far a play may be ahead of this machine's clock."""

LONGEST_MS = 2**31 - 1
"""Longest duration, ms: it fits 32 bits."""

LONGEST_NAME_BYTES = 1_000
"""Two names and a time fit into a PostgreSQL index key."""

STORED_MS = (1, to_ms(datetime(9000, 1, 1, tzinfo=UTC)))
"""The closed interval of stored times of listens, ms since 1970. In the year 9000 local years still have four digits.

It is wider than what readers accept: older versions stored such rows, and stored rows stay readable.
"""
