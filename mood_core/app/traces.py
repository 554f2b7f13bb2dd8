"""What HOME holds of people beside lake and SQL: quarantined rows, pictures of recaps, the history of flow runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from mood_core.files.private import file_stem
from mood_core.report.recap_picture import FOLDER, forget_pictures
from mood_core.usecases.elsewhere import Gone, Removed
from mood_core.usecases.people.run_history import remove_from_history
from mood_core.usecases.quarantine import delete_quarantined_rows

_ROWS = re.compile(r"(?P<stem>.+)-[0-9a-f]{12}\.ndjson")
_PICTURE = re.compile(r"(?P<stem>.+)\.png")


class Traces:
    """The files of the folder ``home``; ``quarantine`` is where imports keep malformed rows."""

    def __init__(self, home: Path, quarantine: Path) -> None:
        self._home = home
        self._quarantine = quarantine

    def remove(self, user_id: str, names: Collection[str]) -> Removed:
        """Delete the person's quarantined rows, pictures and pages, and what names them in Prefect's history.

        Raises:
            StoreError: The history cannot be changed now.
        """
        delete_quarantined_rows(self._quarantine, user_id)
        forget_pictures(self._home, user_id)
        for page in self._home.glob("*.html"):  # `moodlog demo` writes one here
            if page.is_file() and user_id.encode() in page.read_bytes():
                page.unlink(missing_ok=True)
        return remove_from_history(self._home / "prefect", [user_id, *names])

    def sweep(self, gone: Gone, known: Callable[[], Collection[str]]) -> int:
        """Delete quarantined rows and pictures that a late run has written of people who were forgotten.

        A file's name says whose it is. A name that was too long to be written out says so only where the person is
        known: such a file of nobody known goes.
        """
        files = list(self._files())
        if not files:
            return 0
        out = gone([(unquote(stem), changed) for _, stem, changed in files])
        stems = {file_stem(user_id) for user_id in known()}
        going = [path for path, stem, at in files if (unquote(stem), at) in out or _is_of_nobody(stem, stems)]
        for path in going:
            path.unlink(missing_ok=True)
        return len(going)

    def _files(self) -> Iterator[tuple[Path, str, datetime]]:
        """Each file that belongs to a person, with the part of its name that says whose it is, and its time."""
        found = [(path, _ROWS) for path in self._quarantine.glob("*.ndjson")]
        found += [(path, _PICTURE) for path in (self._home / FOLDER).glob("*/*.png")]
        for path, form in found:
            named = form.fullmatch(path.name)
            if named:
                yield path, named["stem"], datetime.fromtimestamp(path.lstat().st_mtime, UTC)


def _is_of_nobody(stem: str, known: Collection[str]) -> bool:
    return file_stem(unquote(stem)) != stem and stem not in known
