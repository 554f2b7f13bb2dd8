"""Whether the kept totals may be used: a row in ``stale_totals`` says why not."""

from __future__ import annotations

from sqlalchemy import Connection, text


def mark_stale(connection: Connection, reason: str) -> None:
    """Have the totals counted again by the next run; until then nobody uses them."""
    connection.execute(
        text("INSERT INTO stale_totals (reason) VALUES (:reason) ON CONFLICT (reason) DO NOTHING"), {"reason": reason}
    )


def are_stale(connection: Connection) -> bool:
    """Whether the totals must not be used."""
    return connection.scalar(text("SELECT 1 FROM stale_totals LIMIT 1")) is not None
