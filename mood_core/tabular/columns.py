"""Which of a table's columns are which, by their names. Pure."""

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
        "recording": ("trackkey", "recording", "recordingid"),
    }
)  # fmt: skip
"""The names of each column but the nine features, the surest first, as :func:`plain_name` writes them."""

_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Columns:
    """The names, as the file writes them, of what is read.

    Attributes:
        ids: the columns that may hold Spotify ids, the surest first; their content decides.
        features: the nine, by feature name.
        duration: the duration in ms. Like all that follow, None where there is no such column.
        title: read only where tracks are looked for by name.
        artists: read for names and for labelled tracks.
        mood: the labels.
        source: who gave the labels, read for labelled tracks, as the following are.
        isrc: the recording's ISRC.
        recording: a name that is equal for the same recording.
        ignored: all other columns, in the order of the file.
    """

    ids: tuple[str, ...]
    features: Mapping[str, str]
    duration: str | None = None
    title: str | None = None
    artists: str | None = None
    mood: str | None = None
    source: str | None = None
    isrc: str | None = None
    recording: str | None = None
    ignored: tuple[str, ...] = ()

    def labels(self) -> dict[str, str | None]:
        """The columns of text that labelled tracks have besides, by our own names."""
        return {
            "mood": self.mood,
            "artist": self.artists,
            "source": self.source,
            "isrc": self.isrc,
            "recording": self.recording,
        }

    def all_names(self, *, labelled: bool = False) -> list[str]:
        """Every column that is read, as the file names it."""
        labels = tuple(self.labels().values()) if labelled else ()
        optional = [name for name in (self.duration, *labels) if name is not None]
        return [*self.ids, *self.features.values(), *optional]

    def of(self, id_column: str | None) -> dict[str, str]:
        """What is read, as the file names it, by our own names, ``id_column`` being the one with the ids."""
        found = {"track_id": id_column, **self.features, "duration_ms": self.duration}
        return {ours: theirs for ours, theirs in found.items() if theirs is not None}

    def notes(self) -> list[str]:
        """What a person should know: what is missing, and what is not read."""
        notes = [] if self.duration else ["no column of durations (duration_ms): moods rest on the other nine features"]
        return [*notes, f"columns that are not read: {_some(self.ignored)}"] if self.ignored else notes


def recognise(names: Sequence[str], file: str, *, labelled: bool = False) -> Columns:
    """The columns among ``names``, whatever their order, capitals, spaces and punctuation.

    Args:
        names: all of the file's columns.
        file: how messages name the file.
        labelled: whether a column of moods is needed instead of one of ids.

    Raises:
        InputError: a column that is needed is missing, or two could be the same feature.
    """
    by_name: dict[str, list[str]] = {}
    usable = {name for name, count in Counter(names).items() if count == 1}  # a name twice names no column
    for name in names:
        by_name.setdefault(plain_name(name), []).append(name)
    _refuse_twins(by_name, file)
    found = {
        ours: [each for alias in aliases for each in by_name.get(alias, ()) if each in usable]
        for ours, aliases in ALIASES.items()
    }
    _refuse_missing(found, by_name, names, file, labelled=labelled)
    features = {name: by_name[name][0] for name in NINE}
    one = {ours: next(iter(theirs), None) for ours, theirs in found.items()}
    labels = {name: one[name] if labelled else None for name in ("source", "isrc", "recording")}
    optional = (one["duration_ms"], one["title"], one["artists"], one["mood"])
    read = {*found["track_id"], *features.values(), *optional, *labels.values()}
    ignored = tuple(name for name in names if name not in read)
    return Columns(tuple(found["track_id"]), features, *optional, **labels, ignored=ignored)


def plain_name(name: str) -> str:
    """A column name without what people vary: capitals, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name.lower())


def _refuse_twins(by_name: Mapping[str, Sequence[str]], file: str) -> None:
    for name in NINE:
        twins = by_name.get(name, ())
        if len(twins) > 1:
            raise InputError(
                f"{file}: the columns {' and '.join(map(repr, twins))} both name {name}; leave one of them"
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
        raise InputError(f"{file}: no column with moods; name it mood or label. Found {_some(names)}")
    if not labelled and not found["track_id"]:
        raise InputError(
            f"{file}: no column with Spotify track ids; one of these is needed: id, track_id, uri, spotify_id"
        )
    missing = [name for name in NINE if name not in by_name]
    if missing:
        raise InputError(f"{file}: the columns {', '.join(missing)} are missing; found {_some(names)}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:40] for name in names[:_MOST_SHOWN])
    return f"{shown}, ..." if len(names) > _MOST_SHOWN else shown or "none"
