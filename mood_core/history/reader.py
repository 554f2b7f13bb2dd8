"""Reads an export into compact columns, and gives every row that is no listen its fate.

A listen costs 16 bytes here, whatever its row held; names are kept once a track. What identifies a person or a device
(ip address, user agent, country, user name, platform) is never looked at.
"""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any

from mood_core.history.fates import Fate
from mood_core.history.limits import Limits
from mood_core.history.rows import is_video, read_rows
from mood_core.history.sources import JsonFile
from mood_core.plain_text import plain

_TRACK = re.compile(r"(?:spotify:track:|https?://open\.spotify\.com/(?:intl-[\w-]+/)?track/)([0-9A-Za-z]{22})(?:\?.*)?")
_SCRUB = ("ip_addr", "user_agent", "username", "conn_country", "platform", "city", "region")
_LONGEST_MS = 2**31 - 1
_TELL_EVERY = 5_000
_LATEST_S = 4_102_444_800  # the year 2100


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person leaves out: plays under ``min_ms`` milliseconds, and private sessions unless ``keep_private``."""

    min_ms: int = 0
    keep_private: bool = True


@dataclass(slots=True)
class TrackInfo:
    """What an export says of a track."""

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
        ms: how long it was heard, ms.
    """

    what: array[int] = field(default_factory=lambda: array("i"))
    ended_s: array[int] = field(default_factory=lambda: array("q"))
    ms: array[int] = field(default_factory=lambda: array("i"))


@dataclass(slots=True)
class HistoryRead:
    """An export, read. ``fates`` counts the rows that are no listens; ``tracked`` and ``named`` hold the others."""

    rows_read: int = 0
    files: dict[str, int] = field(default_factory=dict)
    other_files: list[str] = field(default_factory=list)
    fates: Counter[Fate] = field(default_factory=Counter)
    tracks: dict[str, int] = field(default_factory=dict)
    track_infos: list[TrackInfo] = field(default_factory=list)
    names: dict[tuple[str, str], int] = field(default_factory=dict)
    tracked: Plays = field(default_factory=Plays)
    named: Plays = field(default_factory=Plays)


class _Bad(Exception):
    """Why a row cannot be used."""


def read_history(
    files: Iterable[JsonFile],
    choice: Choice,
    limits: Limits,
    quarantine: IO[str],
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None,
) -> HistoryRead:
    """Read all of ``files``; malformed rows go to ``quarantine``, one JSON object a line.

    Raises:
        InputError: A file is damaged; nothing of the result may be used then.
    """
    result = HistoryRead()
    done_bytes = 0
    for file in files:
        form, rows = read_rows(file, limits)
        if form is None:
            result.other_files.append(file.name)
        else:
            _read_file(file, rows, choice, result, quarantine, lambda rows: progress(rows, done_bytes))  # noqa: B023
        done_bytes += file.size
        progress(result.rows_read, done_bytes)
    return result


def _read_file(
    file: JsonFile,
    rows: Iterable[Any],
    choice: Choice,
    result: HistoryRead,
    quarantine: IO[str],
    tell: Callable[[int], None],
) -> None:
    before, position, video = result.rows_read, 0, is_video(file.name)
    fates = result.fates
    for position, row in enumerate(rows, start=1):
        try:
            fate = Fate.VIDEO if video and isinstance(row, dict) else _take(row, choice, result)
        except _Bad as reason:
            fate = Fate.MALFORMED
            _set_aside(quarantine, file.name, position, str(reason), row)
        if fate is not None:
            fates[fate] += 1
        if position % _TELL_EVERY == 0:
            tell(before + position)
    result.rows_read = before + position
    result.files[file.name] = position


def _take(row: Any, choice: Choice, result: HistoryRead) -> Fate | None:
    """Keep a listen, or say why the row is none."""
    if not isinstance(row, dict):
        raise _Bad("not an object")
    if "ts" in row:
        return _take_extended(row, choice, result)
    if "endTime" in row:
        return _take_account(row, choice, result)
    raise _Bad("neither ts nor endTime")


def _take_extended(row: dict[str, Any], choice: Choice, result: HistoryRead) -> Fate | None:
    ended_s, ms = _seconds(row["ts"], "ts"), _milliseconds(row.get("ms_played"), "ms_played")
    uri = row.get("spotify_track_uri")
    if not uri:
        return _without_uri(row)
    index = result.tracks.get(uri) if isinstance(uri, str) else None
    if index is None:
        if not isinstance(uri, str):
            raise _Bad("spotify_track_uri is no text")
        match = _TRACK.fullmatch(uri)
        if match is None:
            return _other_uri(uri)
        index = _new_track(uri, match.group(1), row, result)
    if row.get("incognito_mode") is True and not choice.keep_private:
        return Fate.PRIVATE_SESSION
    return _keep(result.tracked, index, ended_s, ms, choice)


def _take_account(row: dict[str, Any], choice: Choice, result: HistoryRead) -> Fate | None:
    ended_s, ms = _seconds(row["endTime"], "endTime"), _milliseconds(row.get("msPlayed"), "msPlayed")
    if "podcastName" in row or "episodeName" in row:
        return Fate.PODCAST
    if any("audiobook" in name.lower() or "book" in name.lower() or name == "authorName" for name in row):
        return Fate.AUDIOBOOK
    artist, title = row.get("artistName"), row.get("trackName")
    if not artist or not title:
        return Fate.NO_URI
    if not isinstance(artist, str) or not isinstance(title, str):
        raise _Bad("artistName or trackName is no text")
    index = result.names.setdefault((artist, title), len(result.names))
    return _keep(result.named, index, ended_s, ms, choice)


def _keep(plays: Plays, what: int, ended_s: int, ms: int, choice: Choice) -> Fate | None:
    if ms < choice.min_ms:
        return Fate.TOO_SHORT
    plays.what.append(what)
    plays.ended_s.append(ended_s)
    plays.ms.append(ms)
    return None


def _without_uri(row: dict[str, Any]) -> Fate:
    if row.get("spotify_episode_uri") or row.get("episode_name") or row.get("episode_show_name"):
        return Fate.PODCAST
    if row.get("audiobook_uri") or row.get("audiobook_title") or row.get("audiobook_chapter_uri"):
        return Fate.AUDIOBOOK
    return Fate.NO_URI


def _other_uri(uri: str) -> Fate:
    for start, fate in (
        ("spotify:local:", Fate.LOCAL_TRACK),
        ("spotify:episode:", Fate.PODCAST),
        ("spotify:audiobook:", Fate.AUDIOBOOK),
        ("spotify:chapter:", Fate.AUDIOBOOK),
    ):
        if uri.startswith(start):
            return fate
    raise _Bad("spotify_track_uri is no track's")


def _new_track(uri: str, track_id: str, row: dict[str, Any], result: HistoryRead) -> int:
    index = result.tracks.setdefault(f"spotify:track:{track_id}", len(result.track_infos))
    if index == len(result.track_infos):
        album = _text(row.get("master_metadata_album_album_name"))
        result.track_infos.append(
            TrackInfo(
                track_id,
                _text(row.get("master_metadata_track_name")) or "",
                _text(row.get("master_metadata_album_artist_name")) or "",
                album,
            )
        )
    result.tracks[uri] = index
    return index


def _text(value: Any) -> str | None:
    return plain(value) if isinstance(value, str) and value else None


def _seconds(value: Any, name: str) -> int:
    """The moment ``value`` in s since 1970; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(value)
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, OverflowError):
        raise _Bad(f"{name} is no time") from None
    if not 0 <= seconds < _LATEST_S:
        raise _Bad(f"{name} is not a time since 1970")
    return seconds


def _milliseconds(value: Any, name: str) -> int:
    if type(value) is not int:
        if not isinstance(value, float) or not value.is_integer():
            raise _Bad(f"{name} is no whole number")
        value = int(value)
    if not 0 <= value <= _LONGEST_MS:
        raise _Bad(f"{name} is out of range")
    return int(value)


def _set_aside(quarantine: IO[str], name: str, position: int, reason: str, row: Any) -> None:
    kept = {"file": name, "position": position, "reason": reason, "row": _scrubbed(row)}
    quarantine.write(json.dumps(kept, default=str) + "\n")


def _scrubbed(value: Any) -> Any:
    """``value`` without what would identify a person or a device."""
    if isinstance(value, dict):
        return {key: _scrubbed(inner) for key, inner in value.items() if not str(key).lower().startswith(_SCRUB)}
    return [_scrubbed(inner) for inner in value] if isinstance(value, list) else value
