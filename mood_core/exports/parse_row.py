"""Parses one row of an export: adds a listen to the columns, or returns why the row is not a listen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mood_core.domain.bounds import CLOCKS_DIFFER, EARLIEST_PLAY, LONGEST_MS, LONGEST_NAME_BYTES
from mood_core.domain.play_ends import end_code
from mood_core.domain.records import ListenSource
from mood_core.domain.scrobbles import BadScrobble, from_lastfm, from_listenbrainz
from mood_core.domain.spotify_ids import LOCAL_FILE, parse_track_ref
from mood_core.exports.outcomes import RowOutcome
from mood_core.exports.parsed_export import UNKNOWN_MS, ParsedExport, TrackInfo
from mood_core.text.sanitise import plain

_EARLIEST_S = int(EARLIEST_PLAY.timestamp())
_SHORTEST_TIME = len("2024-03-01 10:00")
_LONGEST_NAME = LONGEST_NAME_BYTES // 4  # characters of up to four bytes
_DIGITS = re.compile("[0-9]{1,10}")
_TRACK = "spotify:track:"
_TITLE, _ARTIST = "master_metadata_track_name", "master_metadata_album_artist_name"
_ALBUM = "master_metadata_album_album_name"
_AUDIOBOOK = frozenset(("audiobookName", "audiobookTitle", "chapterName", "authorName", "bookName"))


SHORTEST_LISTEN_MS = 30_000
"""A shorter play is a skip, as Spotify, ListenBrainz and Last.fm count."""

LONGEST_TEXT = 1_000
"""Longest name of a track that is stored, characters."""


@dataclass(frozen=True, slots=True)
class ImportFilter:
    """Rows to drop: plays shorter than ``min_ms`` milliseconds, and private sessions unless kept."""

    min_ms: int = SHORTEST_LISTEN_MS
    keep_private: bool = True


class BadRow(Exception):
    """A row is invalid; the message is the reason."""


class RowParser:
    """Parses rows into ``result``; plays later than ``now`` are invalid."""

    def __init__(self, row_filter: ImportFilter, now: datetime) -> None:
        self.result = ParsedExport()
        self._filter, self._now = row_filter, now
        self._latest_s = int((now + CLOCKS_DIFFER).timestamp())

    def parse(self, row: Any) -> RowOutcome | None:
        """Add a listen to the result, or return why the row is not one.

        A music video is a listen: account data has them among the songs, and nothing in a row marks them.

        Raises:
            BadRow: The row is invalid.
        """
        if not isinstance(row, dict):
            raise BadRow("not an object" if row is not None else "no JSON")
        if "ts" in row:
            return self._extended(row)
        if "endTime" in row:
            return self._account(row, "endTime")
        if "time" in row and "trackName" in row:  # early 2018
            return self._account(row, "time")
        if "track_metadata" in row or "artist" in row:
            return self._scrobble(row)
        raise BadRow("neither ts nor endTime")

    def _scrobble(self, row: dict[str, Any]) -> RowOutcome | None:
        is_listenbrainz = "track_metadata" in row
        try:
            scrobble = (from_listenbrainz if is_listenbrainz else from_lastfm)(row, self._now)
        except BadScrobble as reason:
            raise BadRow(str(reason)) from None
        if scrobble is None:
            return RowOutcome.NOT_A_LISTEN
        source = ListenSource.LISTENBRAINZ if is_listenbrainz else ListenSource.LASTFM
        self.result.scrobbles[source, bool(row.get("to_the_minute"))].append(scrobble)
        return None

    def _extended(self, row: dict[str, Any]) -> RowOutcome | None:
        uri = row.get("spotify_track_uri")
        if uri is None or uri == "":
            return self._without_uri(row)
        if not isinstance(uri, str):
            raise BadRow("spotify_track_uri is not a string")
        index = self.result.tracks.get(uri)
        if index is None:
            track_id = parse_track_ref(uri) or _local_file(uri)
            if track_id is None:
                return _other_uri(uri)
            index = self._new_track(uri, track_id, row)
        self._compare_name(index, row)
        ended_s, ms = self._seconds(row["ts"], "ts"), _milliseconds(row.get("ms_played"), "ms_played")
        left_out = self._left_out(row, ms)
        if left_out is None:
            self.result.tracked.add(index, ended_s, ms, end_code(row))
        return left_out

    def _new_track(self, uri: str, track_id: str, row: dict[str, Any]) -> int:
        result = self.result
        index = result.tracks.setdefault(f"{_TRACK}{track_id}", len(result.track_infos))
        if index == len(result.track_infos):
            title, artist, album = (_text(row.get(name)) for name in (_TITLE, _ARTIST, _ALBUM))
            result.track_infos.append(TrackInfo(track_id, title or "", artist or "", album))
        result.tracks[uri] = index
        return index

    def _compare_name(self, index: int, row: dict[str, Any]) -> None:
        info = self.result.track_infos[index]
        title, artist = row.get(_TITLE), row.get(_ARTIST)
        if title != info.name or artist != info.artist:
            name = _text(title), _text(artist)
            if name[0] and name != (info.name, info.artist):
                self.result.other_names.add((index, name[0], name[1] or ""))

    def _left_out(self, row: dict[str, Any], ms: int) -> RowOutcome | None:
        if row.get("incognito_mode") is True and not self._filter.keep_private:
            return RowOutcome.PRIVATE_SESSION
        return RowOutcome.SKIPPED if ms < self._filter.min_ms else None

    def _account(self, row: dict[str, Any], end: str) -> RowOutcome | None:
        """Parse a row of account data whose time is the field ``end``. A row without a duration is never too short."""
        if "podcastName" in row or "episodeName" in row:
            return RowOutcome.PODCAST
        if not _AUDIOBOOK.isdisjoint(row):
            return RowOutcome.AUDIOBOOK
        artist, title = _name(row, "artistName"), _name(row, "trackName")
        if not artist or not title:
            return RowOutcome.NO_URI
        ended_s = self._seconds(row[end], end)
        ms = UNKNOWN_MS if row.get("msPlayed") is None else _milliseconds(row["msPlayed"], "msPlayed")
        if UNKNOWN_MS < ms < self._filter.min_ms:
            return RowOutcome.SKIPPED
        self._add_named(artist, title, ended_s, ms)
        return None

    def _without_uri(self, row: dict[str, Any]) -> RowOutcome | None:
        if row.get("audiobook_uri") or row.get("audiobook_title") or row.get("audiobook_chapter_uri"):
            return RowOutcome.AUDIOBOOK
        if row.get("spotify_episode_uri") or row.get("episode_name") or row.get("episode_show_name"):
            return RowOutcome.PODCAST
        if "spotify_track_uri" in row:
            return RowOutcome.NO_URI
        # The first exports have no URIs at all.
        artist, title = _name(row, _ARTIST), _name(row, _TITLE)
        if not artist or not title:
            return RowOutcome.NO_URI
        ended_s, ms = self._seconds(row["ts"], "ts"), _milliseconds(row.get("ms_played"), "ms_played")
        left_out = self._left_out(row, ms)
        if left_out is None:
            # Rounded down to the minute like account data, so that both forms of the play become one row.
            self._add_named(artist, title, ended_s - ended_s % 60, ms)
        return left_out

    def _add_named(self, artist: str, title: str, ended_s: int, ms: int) -> None:
        result = self.result
        result.named.add(result.names.setdefault((artist, title), len(result.names)), ended_s, ms)

    def _seconds(self, value: Any, name: str) -> int:
        """The time ``value`` in s since 1970. Without a zone it is UTC; some older exports append " UTC"."""
        try:
            if len(value) < _SHORTEST_TIME:
                raise BadRow(f"{name} has no time of day")
            time = datetime.fromisoformat(value.removesuffix(" UTC"))
            seconds = int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
        except (AttributeError, ValueError, TypeError, OverflowError):
            raise BadRow(f"{name} is not a time") from None
        if seconds < _EARLIEST_S:
            raise BadRow(f"{name} is before the year {EARLIEST_PLAY.year}")
        if seconds > self._latest_s:
            raise BadRow(f"{name} is in the future by this machine's clock")
        return seconds


def _local_file(uri: str) -> str | None:
    """The id of a local file: its URI, as in pulled listens; None for other URIs."""
    if not uri.startswith(LOCAL_FILE):
        return None
    if not uri.isprintable() or len(uri.encode()) > LONGEST_NAME_BYTES:
        raise BadRow(f"spotify_track_uri is not printable or longer than {LONGEST_NAME_BYTES} bytes")
    return uri


def _other_uri(uri: str) -> RowOutcome:
    for start, outcome in (
        ("spotify:episode:", RowOutcome.PODCAST),
        ("spotify:audiobook:", RowOutcome.AUDIOBOOK),
        ("spotify:chapter:", RowOutcome.AUDIOBOOK),
    ):
        if uri.startswith(start):
            return outcome
    raise BadRow("spotify_track_uri is not a track URI")


def _text(value: Any) -> str | None:
    """``value`` as text that every database accepts; None if it is not text."""
    return plain(value)[:LONGEST_TEXT] if isinstance(value, str) and value else None


def _name(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRow(f"{name} is not a string")
    if len(value) > _LONGEST_NAME and len(value.encode()) > LONGEST_NAME_BYTES:
        raise BadRow(f"{name} is longer than {LONGEST_NAME_BYTES} bytes")
    return plain(value)


def _milliseconds(value: Any, name: str) -> int:
    number = value if type(value) is int else _whole(value, name)
    if not 0 <= number <= LONGEST_MS:
        raise BadRow(f"{name} is out of range")
    return number


def _whole(value: Any, name: str) -> int:
    """The whole number ``value``; exports until 2019 have it as a string."""
    if (isinstance(value, str) and _DIGITS.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise BadRow(f"{name} is not a whole number")
