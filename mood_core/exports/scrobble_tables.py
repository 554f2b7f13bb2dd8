"""Reads scrobbles of Last.fm as the common export sites write them. Rows get the form of the API.

Known tables: with a heading that has ``artist``, ``track`` and ``uts`` [s], or ``Date#NAME`` [ms] from lastfmstats.com,
with commas or semicolons; and without one as artist, album, track and time ("12 Nov 2026 18:22", UTC, to the minute).
The JSON of lastfmstats.com is one object with a list of scrobbles.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import IO, Any

_HEADINGS = {"artist", "track"}
_TIMES = {"uts", "ms"}
_COLUMNS = ("artist", "album", "track", "utc_time")
_FORMATS = ("%d %b %Y %H:%M", "%d %b %Y, %H:%M")
_LONGEST_LINE = 65_536


def table_rows(content: IO[bytes]) -> Iterator[Any]:
    """The rows of a table, or none if ``content`` is not one of the known forms. Wrong bytes become U+FFFD."""
    lines = _short_lines(content)
    heading = next(lines, "")
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    rows = csv.reader(chain([heading], lines), delimiter=delimiter)
    first = next(rows, [])
    headings = ["ms" if each.lower().startswith("date#") else each.strip().lower() for each in first]
    if set(headings) >= _HEADINGS and _TIMES & set(headings):
        yield from (_row(headings, line) for line in rows if line)
        return
    begin = [first, *islice(rows, 1)]
    if all(len(line) == len(_COLUMNS) for line in begin) and any(_seconds(line[-1]) is not None for line in begin):
        if not first[-1].strip():
            begin[0] = []
            yield _row(_COLUMNS, first) | {"@attr": {"nowplaying": "true"}}
        yield from (_row(_COLUMNS, line) for line in chain(begin, rows) if line)


def stats_row(row: Any) -> Any:
    """A scrobble in the JSON of lastfmstats.com in the form of the API; other rows as they are."""
    if not isinstance(row, dict) or not row.keys() >= {"artist", "track", "date"}:
        return row
    return _row(("artist", "album", "track", "ms"), [row["artist"], row.get("album"), row["track"], row["date"]])


def _short_lines(content: IO[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"
    while line := content.readline(_LONGEST_LINE):
        yield line.decode(encoding, errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        encoding = "utf-8"


def _row(headings: Sequence[str], line: Sequence[Any]) -> dict[str, Any]:
    values: dict[str, Any] = dict(zip(headings, line, strict=False))
    time = values.get("uts") or _from_ms(values.get("ms")) or _seconds(values.get("utc_time", ""))
    return {
        "artist": {"#text": values.get("artist")},
        "album": {"#text": values.get("album")},
        "name": values.get("track"),
        "date": {"uts": time},
        "to_the_minute": not _TIMES & values.keys(),
    }


def _from_ms(value: object) -> int | None:
    """``value`` in s; None if it is not a time in ms since 1970."""
    is_number = isinstance(value, int | str) and re.fullmatch(r"[0-9]{1,15}", str(value))
    return int(str(value)) // 1_000 if is_number else None


def _seconds(text: str) -> int | None:
    for form in _FORMATS:
        try:
            return int(datetime.strptime(text.strip(), form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    return None
