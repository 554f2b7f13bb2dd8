"""Parses one row of an export: adds a listen to the columns, or returns why the row is not a listen."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mood_core.domain.spotify_ids import parse_track_ref
from mood_core.exports.outcomes import RowOutcome
from mood_core.text.sanitise import plain

_LONGEST_MS = 2**31 - 1
_LATEST_S = 4_102_444_800  # the year 2100
_SHORTEST_TIME = len("2024-03-01 10:00")
_LONGEST_TEXT = 1_000  # characters
_LONGEST_NAME = 250  # characters of up to four bytes
_LONGEST_NAME_BYTES = 1_000  # two names and a time fit into a PostgreSQL index key
_DIGITS = re.compile("[0-9]{1,10}")
_METADATA = ("track_name", "album_artist_name", "album_album_name")
_AUDIOBOOK = frozenset(("audiobookName", "audiobookTitle", "chapterName", "authorName", "bookName"))


UNKNOWN_MS = -1
"""Value of the duration column for plays without a duration."""


@dataclass(frozen=True, slots=True)
class ImportFilter:
    """Rows to drop: plays shorter than ``min_ms`` milliseconds; private sessions and videos unless kept."""

    min_ms: int = 0
    keep_private: bool = True
    keep_videos: bool = False


@dataclass(slots=True)
class TrackInfo:
    """Description of a track in an export."""

    track_id: str
    name: str
    artist: str
    album: str | None


@dataclass(slots=True)
class Plays:
    """Plays in columns of one length.

    Attributes:
        what: index of the track (or of the name).
        ended_s: end of the play, s since 1970 UTC.
        ms: play duration, ms; -1 if unknown.
    """

    what: array[int] = field(default_factory=lambda: array("i"))
    ended_s: array[int] = field(default_factory=lambda: array("q"))
    ms: array[int] = field(default_factory=lambda: array("i"))

    def add(self, what: int, ended_s: int, ms: int) -> None:
        """Add one play."""
        self.what.append(what)
        self.ended_s.append(ended_s)
        self.ms.append(ms)


@dataclass(slots=True)
class ParsedExport:
    """A parsed export. ``outcomes`` counts rows that are not listens; ``tracked`` and ``named`` hold the listens."""

    rows_read: int = 0
    files: dict[str, int] = field(default_factory=dict)
    other_files: list[str] = field(default_factory=list)
    outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    tracks: dict[str, int] = field(default_factory=dict)
    track_infos: list[TrackInfo] = field(default_factory=list)
    names: dict[tuple[str, str], int] = field(default_factory=dict)
    tracked: Plays = field(default_factory=Plays)
    named: Plays = field(default_factory=Plays)


class BadRow(Exception):
    """A row is invalid; the message is the reason."""


def parse_row(row: Any, row_filter: ImportFilter, result: ParsedExport, *, video: bool) -> RowOutcome | None:
    """Add a listen to ``result``, or return why the row is not one. Only the file's name marks ``video`` rows.

    Raises:
        BadRow: The row is invalid.
    """
    if not isinstance(row, dict):
        raise BadRow("not an object")
    if video:
        return RowOutcome.VIDEO
    if "ts" in row:
        return _take_extended(row, row_filter, result)
    if "endTime" in row:
        return _take_account(row, "endTime", row_filter, result)
    if "time" in row and "trackName" in row:  # early 2018
        return _take_account(row, "time", row_filter, result)
    raise BadRow("neither ts nor endTime")


def _take_extended(row: dict[str, Any], row_filter: ImportFilter, result: ParsedExport) -> RowOutcome | None:
    uri = row.get("spotify_track_uri")
    if uri is None or uri == "":
        return _without_uri(row, row_filter, result)
    if not isinstance(uri, str):
        raise BadRow("spotify_track_uri is not a string")
    known = result.tracks.get(uri)
    track_id = parse_track_ref(uri) if known is None else None
    if known is None and track_id is None:
        return _other_uri(uri)
    ended_s, ms = _seconds(row["ts"], "ts"), _milliseconds(row.get("ms_played"), "ms_played")
    left_out = _left_out(row, ms, row_filter)
    if left_out is None:
        result.tracked.add(_new_track(uri, track_id, row, result) if track_id else result.tracks[uri], ended_s, ms)
    return left_out


def _left_out(row: dict[str, Any], ms: int, row_filter: ImportFilter) -> RowOutcome | None:
    if row.get("incognito_mode") is True and not row_filter.keep_private:
        return RowOutcome.PRIVATE_SESSION
    return RowOutcome.TOO_SHORT if ms < row_filter.min_ms else None


def _take_account(row: dict[str, Any], end: str, row_filter: ImportFilter, result: ParsedExport) -> RowOutcome | None:
    """Parse a row of account data whose time is the field ``end``. A row without a duration is never too short."""
    if "podcastName" in row or "episodeName" in row:
        return RowOutcome.PODCAST
    if not _AUDIOBOOK.isdisjoint(row):
        return RowOutcome.AUDIOBOOK
    artist, title = _name(row, "artistName"), _name(row, "trackName")
    if not artist or not title:
        return RowOutcome.NO_URI
    ended_s = _seconds(row[end], end)
    ms = UNKNOWN_MS if row.get("msPlayed") is None else _milliseconds(row["msPlayed"], "msPlayed")
    if UNKNOWN_MS < ms < row_filter.min_ms:
        return RowOutcome.TOO_SHORT
    _add_named(artist, title, ended_s, ms, result)
    return None


def _add_named(artist: str, title: str, ended_s: int, ms: int, result: ParsedExport) -> None:
    result.named.add(result.names.setdefault((artist, title), len(result.names)), ended_s, ms)


def _without_uri(row: dict[str, Any], row_filter: ImportFilter, result: ParsedExport) -> RowOutcome | None:
    if row.get("audiobook_uri") or row.get("audiobook_title") or row.get("audiobook_chapter_uri"):
        return RowOutcome.AUDIOBOOK
    if row.get("spotify_episode_uri") or row.get("episode_name") or row.get("episode_show_name"):
        return RowOutcome.PODCAST
    if "spotify_track_uri" in row:
        return RowOutcome.NO_URI
    # The first exports have no URIs at all.
    artist, title = _name(row, "master_metadata_album_artist_name"), _name(row, "master_metadata_track_name")
    if not artist or not title:
        return RowOutcome.NO_URI
    ended_s, ms = _seconds(row["ts"], "ts"), _milliseconds(row.get("ms_played"), "ms_played")
    left_out = _left_out(row, ms, row_filter)
    if left_out is None:
        # Rounded down to the minute like account data, so that both forms of the play become one row.
        _add_named(artist, title, ended_s - ended_s % 60, ms, result)
    return left_out


def _other_uri(uri: str) -> RowOutcome:
    for start, outcome in (
        ("spotify:local:", RowOutcome.LOCAL_TRACK),
        ("spotify:episode:", RowOutcome.PODCAST),
        ("spotify:audiobook:", RowOutcome.AUDIOBOOK),
        ("spotify:chapter:", RowOutcome.AUDIOBOOK),
    ):
        if uri.startswith(start):
            return outcome
    raise BadRow("spotify_track_uri is not a track URI")


def _new_track(uri: str, track_id: str, row: dict[str, Any], result: ParsedExport) -> int:
    index = result.tracks.setdefault(f"spotify:track:{track_id}", len(result.track_infos))
    if index == len(result.track_infos):
        title, artist, album = (_text(row.get(f"master_metadata_{name}")) for name in _METADATA)
        result.track_infos.append(TrackInfo(track_id, title or "", artist or "", album))
    result.tracks[uri] = index
    return index


def _text(value: Any) -> str | None:
    """``value`` as text that every database accepts; None if it is not text."""
    return plain(value)[:_LONGEST_TEXT] if isinstance(value, str) and value else None


def _name(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRow(f"{name} is not a string")
    if len(value) > _LONGEST_NAME and len(value.encode()) > _LONGEST_NAME_BYTES:
        raise BadRow(f"{name} is longer than {_LONGEST_NAME_BYTES} bytes")
    return plain(value)


def _seconds(value: Any, name: str) -> int:
    """The time ``value`` in s since 1970. Without a zone it is UTC; some older exports append " UTC"."""
    try:
        if len(value) < _SHORTEST_TIME:
            raise BadRow(f"{name} has no time of day")
        time = datetime.fromisoformat(value.removesuffix(" UTC"))
        seconds = int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (AttributeError, ValueError, TypeError, OverflowError):
        raise BadRow(f"{name} is not a time") from None
    if not 0 <= seconds < _LATEST_S:
        raise BadRow(f"{name} is not a time since 1970")
    return seconds


def _milliseconds(value: Any, name: str) -> int:
    number = value if type(value) is int else _whole(value, name)
    if not 0 <= number <= _LONGEST_MS:
        raise BadRow(f"{name} is out of range")
    return number


def _whole(value: Any, name: str) -> int:
    """The whole number ``value``; exports until 2019 have it as a string."""
    if (isinstance(value, str) and _DIGITS.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise BadRow(f"{name} is not a whole number")
