"""Keeps answers that did not fit their contract, so that a person can look at them. Nothing of them is used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from mood_core.features.report import SetAside
from mood_core.private_files import make_private_folder, write_private


def keep_aside(answers: Sequence[SetAside], folder: Path, *, now: datetime) -> list[Path]:
    """Write each of ``answers`` into a file of ``folder``, named by time and source; returns the files.

    A file holds the source, the reason, the answer's first characters and the ids of the tracks that were asked about.
    """
    if answers:
        make_private_folder(folder)
    files = []
    for number, answer in enumerate(answers, start=1):
        path = folder / f"{now:%Y%m%dT%H%M%SZ}-{answer.source.replace(':', '-')}-{number}.json"
        content = {
            "source": answer.source,
            "received_at": now.isoformat(),
            "reason": answer.reason,
            "excerpt": answer.excerpt,
            "track_ids": list(answer.track_ids),
        }
        write_private(path, f"{json.dumps(content, indent=1)}\n".encode())
        files.append(path)
    return files
