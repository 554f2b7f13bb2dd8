"""Size limits for an export."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits above which an export is refused. All of them are settings.

    Attributes:
        total_bytes: unpacked size of all JSON files together.
        ratio: unpacked bytes per packed byte of one member; JSON of listens stays below 40.
        members: files in one archive.
        row_bytes: size of one row, with a tolerance of one read block.
        depth: nested folders.
    """

    total_bytes: int = 8 * 2**30
    ratio: int = 200
    members: int = 10_000
    row_bytes: int = 2**20
    depth: int = 16
