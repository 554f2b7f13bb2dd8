"""Reads an export into compact columns and counts the outcome of every row that is not a listen.

A listen takes 16 bytes; names are stored once per track. Fields that identify a person or a device (IP address, user
agent, country, user name, platform) are never read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import IO, Any

from mood_core.errors import InputError
from mood_core.exports.addresses import read_addresses
from mood_core.exports.limits import Limits
from mood_core.exports.outcomes import RowOutcome
from mood_core.exports.parse_row import BadRow, ImportFilter, RowParser
from mood_core.exports.parsed_export import ParsedExport
from mood_core.exports.rows import RowStream
from mood_core.exports.sources import JsonFile

_SCRUB = ("ip_addr", "user_agent", "username", "user_name", "conn_country", "platform", "city", "region")
_REPORT_EVERY = 5_000


def read_history(
    files: Iterable[JsonFile],
    row_filter: ImportFilter,
    limits: Limits,
    quarantine: IO[str],
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
    *,
    now: datetime,
) -> ParsedExport:
    """Read all of ``files``; malformed rows are written to ``quarantine``, one JSON object per line.

    Plays later than ``now`` are malformed. Nothing is read of a damaged file, which is named in the result.
    """
    reader = _Reader(RowParser(row_filter, now), quarantine, progress)
    for file in files:
        reader.read(file, limits)
    return reader.result


def may_be_history(file: JsonFile, limits: Limits) -> bool:
    """Whether ``file`` begins as a listening history, or is damaged, so that its beginning does not show it."""
    try:
        return not file.is_other and RowStream(file, limits).form is not None
    except InputError:
        return True


class _Reader:
    """Reads files into one result."""

    def __init__(self, parser: RowParser, quarantine: IO[str], progress: Callable[[int, int], None]) -> None:
        self.result, self._parse = parser.result, parser.parse
        self._quarantine, self._progress = quarantine, progress
        self._bytes_before = 0

    def read(self, file: JsonFile, limits: Limits) -> None:
        mark, quarantined = self.result.mark(), self._quarantine.tell()
        try:
            self._read(file, limits)
        except InputError as error:
            self.result.damaged[file.name] = error.message
            self.result.restore(mark)
            self._quarantine.seek(quarantined)
            self._quarantine.truncate()
        self._bytes_before += file.size
        self._progress(self.result.rows_read, self._bytes_before)

    def _read(self, file: JsonFile, limits: Limits) -> None:
        if file.is_other:
            self.result.other_files.append(file.name)
            return
        rows = RowStream(file, limits)
        if rows.form is None:
            self._read_other(file, limits)
        else:
            self.result.files[file.name] = self._rows_of(file.name, rows)
            self.result.repaired += rows.repaired

    def _read_other(self, file: JsonFile, limits: Limits) -> None:
        addresses = read_addresses(file, limits)
        if addresses:
            self.result.address_files[file.name] = len(addresses)
            self.result.addresses.update((track_id, (title, artist)) for track_id, title, artist in addresses)
        else:
            self.result.other_files.append(file.name)

    def _rows_of(self, name: str, rows: RowStream) -> int:
        result, parse, position = self.result, self._parse, 0
        before, outcomes = result.rows_read, result.outcomes
        for position, row in enumerate(rows, start=1):
            try:
                outcome = parse(row)
            except BadRow as reason:
                outcome = RowOutcome.MALFORMED
                kept = {"file": name, "position": position, "reason": str(reason)}
                self._quarantine.write(quarantine_line(kept, row))
            if outcome is not None:
                outcomes[outcome] += 1
            if position % _REPORT_EVERY == 0:
                self._progress(before + position, self._bytes_before + rows.read_bytes)
        result.rows_read = before + position
        return position


def quarantine_line(kept: Mapping[str, Any], row: Any) -> str:
    """The line of a quarantined ``row``: a JSON object with ``kept``, without what identifies a person or a device."""
    try:
        line = json.dumps({**kept, "row": _scrubbed(row)}, default=str)
    except RecursionError:
        line = json.dumps({**kept, "row": None, "note": "nested too deeply to store"})
    return line + "\n"


def _scrubbed(value: Any) -> Any:
    """``value`` without fields that identify a person or a device."""
    if isinstance(value, dict):
        return {key: _scrubbed(inner) for key, inner in value.items() if not str(key).lower().startswith(_SCRUB)}
    return [_scrubbed(inner) for inner in value] if isinstance(value, list) else value
