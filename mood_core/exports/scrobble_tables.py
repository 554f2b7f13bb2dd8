"""Reads tables of scrobbles of Last.fm: what the common export sites write as CSV.

Known forms: with a heading that has ``uts``, ``artist`` and ``track``, and without one as artist, album, track and time
("12 Nov 2026 18:22", UTC, to the minute). Rows get the form of the API.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import IO, Any

_HEADINGS = {"uts", "artist", "track"}
_COLUMNS = ("artist", "album", "track", "utc_time")
_FORMATS = ("%d %b %Y %H:%M", "%d %b %Y, %H:%M")
_LONGEST_LINE = 65_536


def table_rows(content: IO[bytes]) -> Iterator[Any]:
    """The rows of a table, or none if ``content`` is not one of the known forms. Wrong bytes become U+FFFD."""
    lines = csv.reader(_short_lines(content))
    first = next(lines, [])
    headings = [each.strip().lower() for each in first]
    if set(headings) >= _HEADINGS:
        yield from (_row(headings, line) for line in lines if line)
    elif len(first) == len(_COLUMNS) and _seconds(first[-1]) is not None:
        yield from (_row(_COLUMNS, line) for line in chain([first], lines) if line)


def _short_lines(content: IO[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"
    while line := content.readline(_LONGEST_LINE):
        yield line.decode(encoding, errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        encoding = "utf-8"


def _row(headings: Sequence[str], line: Sequence[str]) -> dict[str, Any]:
    values: dict[str, str] = dict(zip(headings, line, strict=False))
    time = values.get("uts") or _seconds(values.get("utc_time", ""))
    return {
        "artist": {"#text": values.get("artist")},
        "album": {"#text": values.get("album")},
        "name": values.get("track"),
        "date": {"uts": time},
        "to_the_minute": "uts" not in values,
    }


def _seconds(text: str) -> int | None:
    for form in _FORMATS:
        try:
            return int(datetime.strptime(text.strip(), form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    return None
