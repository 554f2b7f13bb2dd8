"""Quarantines responses and rows that violate their contract, for a person to inspect. They are not used."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from mood_core.exports.reader import quarantine_line
from mood_core.features.fetch_report import QuarantinedResponse
from mood_core.files.private import append_private, file_stem, make_private_folder, open_private, write_private

Quarantine = Callable[[str, Sequence[tuple[dict[str, Any], object]]], int]
"""Quarantines invalid rows of a person, by id: (what is known of a row, the row). Returns the number of new ones."""

_PULLED = sha256(b"pulled").hexdigest()[:12]


def quarantine_responses(responses: Sequence[QuarantinedResponse], folder: Path, *, now: datetime) -> list[Path]:
    """Write each of ``responses`` to a file in ``folder``, named by time and source; returns the files.

    A file has the source, the reason, the first characters of the response and the ids of the requested tracks.
    """
    if responses:
        make_private_folder(folder)
    files = []
    for number, response in enumerate(responses, start=1):
        path = folder / f"{now:%Y%m%dT%H%M%SZ}-{response.source.replace(':', '-')}-{number}.json"
        content = {
            "source": response.source,
            "received_at": now.isoformat(),
            "reason": response.reason,
            "excerpt": response.excerpt,
            "track_ids": list(response.track_ids),
        }
        write_private(path, f"{json.dumps(content, indent=1)}\n".encode())
        files.append(path)
    return files


def quarantine_rows(rows: IO[str], folder: Path, user_id: str) -> Path | None:
    """Copy a person's malformed ``rows`` to a private file in ``folder``; returns None without rows.

    The file is named by the person and its content, so that the same rows make the same file.
    """
    digest = sha256()
    for block in _blocks(rows):
        digest.update(block)
    if rows.tell() == 0:
        return None
    make_private_folder(folder)
    path = folder / f"{file_stem(user_id)}-{digest.hexdigest()[:12]}.ndjson"
    with open_private(path) as file:
        for block in _blocks(rows):
            file.write(block)
    return path


def quarantine_once(rows: Sequence[tuple[dict[str, Any], object]], folder: Path, user_id: str) -> int:
    """Add the ``rows`` that are not in it to the private file of a person's pulled rows; returns their number.

    A service shows an invalid row again in each response.
    """
    path = folder / f"{file_stem(user_id)}-{_PULLED}.ndjson"
    make_private_folder(folder)
    known = set(path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)) if path.exists() else ()
    new = dict.fromkeys(line for kept, row in rows if (line := quarantine_line(kept, row)) not in known)
    if new:
        with append_private(path) as file:
            file.write("".join(new).encode())
    return len(new)


def delete_quarantined_rows(folder: Path, user_id: str) -> int:
    """Delete the files with a person's malformed rows; returns their number."""
    files = _files_of(folder, user_id)
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)


def quarantined_rows(folder: Path, user_id: str) -> Iterator[pa.Table]:
    """A person's quarantined rows in their original form: ``file`` and ``row``, in at least one table of some MB."""
    schema = pa.schema([("file", pa.string()), ("row", pa.string())])
    yield schema.empty_table()
    for path in _files_of(folder, user_id):
        with path.open(encoding="utf-8", errors="replace") as lines:
            while some := lines.readlines(2**20):
                rows = [line.rstrip("\n") for line in some]
                yield pa.table({"file": [path.name] * len(rows), "row": rows}, schema=schema)


def _files_of(folder: Path, user_id: str) -> list[Path]:
    named_so = re.compile(re.escape(file_stem(user_id)) + r"-[0-9a-f]{12}\.ndjson")
    return sorted(path for path in folder.glob("*.ndjson") if named_so.fullmatch(path.name) and path.is_file())


def _blocks(rows: IO[str]) -> Iterator[bytes]:
    rows.seek(0)
    while block := rows.read(2**20):
        yield block.encode()
