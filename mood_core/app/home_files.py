"""The data about people in HOME besides lake and SQL: quarantined rows, recap pictures, the history of flow runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from mood_core.files.private import file_stem
from mood_core.report.page import shows_person
from mood_core.report.recap_picture import FOLDER, forget_pictures
from mood_core.usecases.people.run_history import remove_from_history
from mood_core.usecases.personal_files import Gone, Known, PersonalFiles, Removed
from mood_core.usecases.quarantine import delete_quarantined_rows

_ROWS = re.compile(r"(?P<stem>.+)-[0-9a-f]{12}\.ndjson")
_PICTURE = re.compile(r"(?P<stem>.+)\.png")


class HomeFiles(PersonalFiles):
    """The files in the folder ``home``; ``quarantine`` is the folder of malformed rows."""

    def __init__(self, home: Path, quarantine: Path) -> None:
        self._home = home
        self._quarantine = quarantine

    def remove(self, user_id: str, names: Collection[str], known: Known | None = None) -> Removed:
        """Delete the person's quarantined rows, pictures and pages, and their data in Prefect's history.

        Raises:
            StoreError: The history cannot be changed now.
        """
        delete_quarantined_rows(self._quarantine, user_id)
        forget_pictures(self._home, user_id)
        for page in self._home.glob("*.html"):  # the nightly flow and `moodlog demo` write one here
            if page.is_file() and shows_person(page, user_id):
                page.unlink(missing_ok=True)
        return remove_from_history(self._home / "prefect", [user_id, *names], known)

    def sweep(self, gone: Gone, known: Callable[[], Collection[str]]) -> int:
        """Delete quarantined rows and pictures of forgotten people that a late run has written.

        A file is named by the person's id. A long id is abbreviated, so it can only be compared with known ids: such a
        file of an unknown person is deleted.
        """
        files = list(self._files())
        if not files:
            return 0
        out = gone([(unquote(stem), changed) for _, stem, changed in files])
        abbreviated = {stem for _, stem, _ in files if file_stem(unquote(stem)) != stem}
        unknown = abbreviated.difference(map(file_stem, known())) if abbreviated else set()
        unwanted = [path for path, stem, at in files if (unquote(stem), at) in out or stem in unknown]
        for path in unwanted:
            path.unlink(missing_ok=True)
        return len(unwanted)

    def _files(self) -> Iterator[tuple[Path, str, datetime]]:
        """Each file about a person, with the part of its name that identifies the person, and its time."""
        found = [(path, _ROWS) for path in self._quarantine.glob("*.ndjson")]
        found += [(path, _PICTURE) for path in (self._home / FOLDER).glob("*/*.png")]
        for path, pattern in found:
            if match := pattern.fullmatch(path.name):
                yield path, match["stem"], datetime.fromtimestamp(path.lstat().st_mtime, UTC)
