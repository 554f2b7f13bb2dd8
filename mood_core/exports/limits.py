"""How much an archive may hold before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still believable of a listening history. All of them are settings.

    Attributes:
        total_bytes: of all JSON files together, unpacked.
        ratio: unpacked bytes for each packed byte of one member; JSON of listens stays below 40.
        members: files in one archive.
        row_bytes: of one row, give or take a block of reading.
        depth: folders inside each other.
    """

    total_bytes: int = 8 * 2**30
    ratio: int = 200
    members: int = 10_000
    row_bytes: int = 2**20
    depth: int = 16
