"""Which of a file's columns are which, by their names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mood_core.errors import InputError
from mood_core.features.values import NINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ID_NAMES = (
    "spotify_id",
    "spotify_track_id",
    "track_id",
    "id",
    "spotify_uri",
    "spotify_track_uri",
    "track_uri",
    "uri",
    "spotify_url",
    "track_url",
    "url",
    "href",
)
"""Names of the column with Spotify ids, URIs or URLs, the surest first; where several are there, content decides."""

DURATION_NAMES = ("duration_ms", "duration_(ms)", "track_duration_(ms)", "track_duration_ms", "length", "duration")
"""Names of the column with the length in ms, the surest first."""

TITLE_NAMES = ("track_name", "name", "title", "track", "song", "song_name")
"""Names of the column with the titles, the surest first."""

ARTIST_NAMES = ("artists", "artist_name", "artist_names", "artist", "artist(s)_name", "track_artist")
"""Names of the column with the artists, the surest first."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The names, as the file writes them, of what is read.

    ``ids``: the columns that may hold Spotify ids, the surest first. ``features``: the nine, by feature name.
    ``title`` and ``artists`` are read only where tracks are looked for by name.
    """

    ids: tuple[str, ...]
    features: Mapping[str, str]
    duration: str | None
    title: str | None = None
    artists: str | None = None

    def all_names(self) -> list[str]:
        """Every column that is read, as the file names it."""
        return [*self.ids, *self.features.values(), *([] if self.duration is None else [self.duration])]

    def of(self, id_column: str) -> dict[str, str]:
        """What is read, as the file names it, by our own names, ``id_column`` being the one with the ids."""
        duration = {} if self.duration is None else {"duration_ms": self.duration}
        return {"track_id": id_column, **self.features, **duration}


def recognise(names: Sequence[str], file: str) -> Columns:
    """The columns among ``names``, whatever their capitals, spaces and order; others are ignored.

    Raises:
        InputError: no id, one of the nine features is missing, or two columns could be the same feature.
    """
    by_name: dict[str, list[str]] = {}
    for name in names:
        by_name.setdefault(_plain(name), []).append(name)
    _refuse_twins(by_name, file)
    ids = tuple(by_name[name][0] for name in ID_NAMES if name in by_name)
    missing = [name for name in NINE if name not in by_name]
    if not ids:
        raise InputError(
            f"{file}: no column with Spotify track ids; one of these is needed: id, track_id, uri, spotify_id"
        )
    if missing:
        raise InputError(f"{file}: the columns {', '.join(missing)} are missing; found {_some(names)}")
    duration, title, artists = (
        next((by_name[name][0] for name in names_of if name in by_name), None)
        for names_of in (DURATION_NAMES, TITLE_NAMES, ARTIST_NAMES)
    )
    return Columns(ids, {name: by_name[name][0] for name in NINE}, duration, title, artists)


def _plain(name: str) -> str:
    """A column name without what people vary: capitals, and blanks or hyphens for underscores."""
    return re.sub(r"[\s\-_]+", "_", name.strip().lstrip("\ufeff").strip().lower())


def _refuse_twins(by_name: Mapping[str, Sequence[str]], file: str) -> None:
    for name in (*ID_NAMES, *DURATION_NAMES, *NINE):
        twins = by_name.get(name, ())
        if len(twins) > 1:
            raise InputError(
                f"{file}: the columns {' and '.join(map(repr, twins))} both name {name}; leave one of them"
            )


def _some(names: Sequence[str], at_most: int = 12) -> str:
    shown = ", ".join(name[:40] for name in names[:at_most])
    return f"{shown}, ..." if len(names) > at_most else shown or "none"
