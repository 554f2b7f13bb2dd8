"""Recognises a table's columns by their names. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mood_core.domain.vectors import NINE
from mood_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "track_id": (
            "spotifyid", "spotifytrackid", "trackid", "id", "spotifyuri", "spotifytrackuri", "trackuri", "uri",
            "spotifyurl", "trackurl", "url", "href", "trackhref", "spotify",
        ),
        "duration_ms": ("durationms", "trackdurationms", "lengthms", "length", "duration", "trackduration"),
        "title": ("trackname", "name", "title", "track", "song", "songname", "tracktitle"),
        "artists": (
            "artists", "artistname", "artistnames", "artist", "artistsname", "trackartist", "trackartists",
            "artisthash",
        ),
        "mood": ("mood", "moods", "label", "labels", "moodlabel"),
        "source": ("source", "curator", "labelsource", "labeller"),
        "isrc": ("isrc", "trackisrc", "isrccode"),
        "release_date": (
            "releasedate", "albumreleasedate", "trackalbumreleasedate", "trackreleasedate", "year", "releaseyear",
        ),
        "recording": ("trackkey", "recording", "recordingid"),
    }
)  # fmt: skip
"""Names of the columns other than features, in order of preference, normalised by :func:`plain_name`."""

_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Columns:
    """The file's own names of the columns that are read; optional ones are None if missing.

    Attributes:
        ids: columns that may contain Spotify ids, in order of preference; their content decides.
        features: required features, by feature name.
        duration: the duration in ms.
        title: read only for searches by name.
        artists: read for searches by name and for labelled tracks.
        mood: the labels.
        source: who assigned the labels; read only for labelled tracks.
        isrc: the recording's ISRC.
        release_date: its release date or year; not read for labelled tracks.
        recording: an id that is equal for the same recording; read only for labelled tracks.
        ignored: all other columns, in file order.
    """

    ids: tuple[str, ...]
    features: Mapping[str, str]
    duration: str | None = None
    title: str | None = None
    artists: str | None = None
    mood: str | None = None
    source: str | None = None
    isrc: str | None = None
    release_date: str | None = None
    recording: str | None = None
    ignored: tuple[str, ...] = ()

    def labels(self) -> dict[str, str | None]:
        """The additional text columns of labelled tracks, by moodlog's names."""
        return {
            "mood": self.mood,
            "artist": self.artists,
            "source": self.source,
            "isrc": self.isrc,
            "recording": self.recording,
        }

    def all_names(self, *, labelled: bool = False) -> list[str]:
        """The file's names of all columns that are read."""
        texts = tuple(self.labels().values()) if labelled else (self.isrc, self.release_date)
        optional = [name for name in (self.duration, *texts) if name is not None]
        return [*self.ids, *self.features.values(), *optional]

    def of(self, id_column: str | None) -> dict[str, str]:
        """The file's column names by moodlog's names; ``id_column`` is the column with the ids."""
        texts = {"isrc": self.isrc, "release_date": self.release_date}
        found = {"track_id": id_column, **self.features, "duration_ms": self.duration, **texts}
        return {ours: theirs for ours, theirs in found.items() if theirs is not None}

    def notes(self) -> list[str]:
        """Messages about missing columns and columns that are not read."""
        notes = [] if self.duration else ["no duration column (duration_ms): moods use only the other features"]
        return [*notes, f"columns that are not read: {_some(self.ignored)}"] if self.ignored else notes


def recognise(names: Sequence[str], file: str, *, labelled: bool = False) -> Columns:
    """Recognise columns in any order and with any capitals, spaces and punctuation.

    Args:
        names: all of the file's columns.
        file: the file's name in messages.
        labelled: whether a mood column is required instead of an id column.

    Raises:
        InputError: a required column is missing, or two columns could be the same feature.
    """
    by_name: dict[str, list[str]] = {}
    usable = {name for name, count in Counter(names).items() if count == 1}  # duplicate names are ambiguous
    for name in names:
        by_name.setdefault(plain_name(name), []).append(name)
    _refuse_duplicates(by_name, file)
    found = {
        ours: [each for alias in aliases for each in by_name.get(alias, ()) if each in usable]
        for ours, aliases in ALIASES.items()
    }
    _refuse_missing(found, by_name, names, file, labelled=labelled)
    features = {name: by_name[name][0] for name in NINE}
    one = {ours: next(iter(theirs), None) for ours, theirs in found.items()}
    labels = {name: one[name] if labelled else None for name in ("source", "recording")} | {"isrc": one["isrc"]}
    labels["release_date"] = None if labelled else one["release_date"]
    optional = (one["duration_ms"], one["title"], one["artists"], one["mood"])
    read = {*found["track_id"], *features.values(), *optional, *labels.values()}
    ignored = tuple(name for name in names if name not in read)
    return Columns(tuple(found["track_id"]), features, *optional, **labels, ignored=ignored)


def plain_name(name: str) -> str:
    """A column name in lower case without spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name.lower())


def _refuse_duplicates(by_name: Mapping[str, Sequence[str]], file: str) -> None:
    for name in NINE:
        same = by_name.get(name, ())
        if len(same) > 1:
            raise InputError(
                f"{file}: the columns {' and '.join(map(repr, same))} both mean {name}; remove one of them"
            )


def _refuse_missing(
    found: Mapping[str, Sequence[str]],
    by_name: Mapping[str, Sequence[str]],
    names: Sequence[str],
    file: str,
    *,
    labelled: bool,
) -> None:
    if labelled and not found["mood"]:
        raise InputError(f"{file}: no mood column; name it mood or label. Found {_some(names)}")
    if not labelled and not found["track_id"]:
        raise InputError(f"{file}: no column with Spotify track ids; add one of these: id, track_id, uri, spotify_id")
    missing = [name for name in NINE if name not in by_name]
    if missing:
        raise InputError(f"{file}: the columns {', '.join(missing)} are missing; found {_some(names)}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:_MOST_SHOWN])
    return f"{shown}, ..." if len(names) > _MOST_SHOWN else shown or "none"
