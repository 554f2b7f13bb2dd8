"""Exports as Spotify has sent them over the years, with made-up content, and a count of their rows of its own."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

Row = dict[str, Any]

OTHER_FILES: dict[str, Any] = {
    "DuoNewFamily.json": {"address": ""},
    "FamilyPlan.json": {"address": ""},
    "Follow.json": {"userIsFollowing": ["someone"], "userIsFollowedBy": [], "userIsBlocking": []},
    "Identifiers.json": {"identifierType": "email", "identifierValue": "nobody@example.org"},
    "Identity.json": {"displayName": "nobody"},
    "Inferences.json": {"inferences": ["1P_Custom_Something"]},
    "Marquee.json": [{"artistName": "The Invented", "segment": "Light listeners"}],
    "Payments.json": {"payment_method": "none"},
    "Playlist1.json": {"playlists": [{"name": "p", "items": [{"track": {"trackName": "Song 1"}}]}]},
    "SearchQueries.json": [{"platform": "IPHONE", "searchTime": "2024-03-01T10:00:00.123Z[UTC]", "searchQuery": "s"}],
    "UserAddress.json": {"street": ""},
    "Userdata.json": {"username": "nobody", "country": "ZZ"},
    "UserPrompts.json": [],
    "Wrapped2024.json": {"topTracks": {"topTracks": []}},
    "YourLibrary.json": {
        "tracks": [],
        "albums": [{"artist": "The Invented", "album": "First", "uri": "spotify:album:a"}],
    },
    "YourSoundCapsule.json": {"stats": [], "highlights": []},
}
"""The other JSON files of the account data, none of them a listening history."""


def playlists(*numbers: int, title: str = "Song {}") -> dict[str, Any]:
    """A file of playlists with these songs, an episode and a local track, as in the account data."""
    songs = [
        {"trackName": title.format(number), "artistName": "The Invented", "albumName": "First", "trackUri": uri(number)}
        for number in numbers
    ]
    nothing = {"track": None, "episode": None, "localTrack": None}
    items = [
        *(nothing | {"track": song, "addedDate": "2024-03-01"} for song in songs),
        nothing | {"episode": {"episodeName": "E", "showName": "S", "episodeUri": f"spotify:episode:{track_id(1)}"}},
        nothing | {"localTrack": {"uri": "spotify:local:A:B:C:100"}},
    ]
    return {"playlists": [{"name": "secret-list", "collaborators": ["secret-person"], "items": items}]}


def library(*numbers: int) -> dict[str, Any]:
    """A library with these songs, as in the account data."""
    songs = [
        {"artist": "The Invented", "album": "First", "track": f"Song {number}", "uri": uri(number)}
        for number in numbers
    ]
    album = {"artist": "secret-artist", "album": "Song 9", "uri": f"spotify:album:{track_id(9)}"}
    return {"albums": [album] * 5_000, "tracks": songs, "shows": [], "bannedTracks": [], "other": ["secret-word"]}


def uri(number: int) -> str:
    """The URI of a made-up track."""
    return f"spotify:track:{track_id(number)}"


def track_id(number: int) -> str:
    """The id of a made-up track."""
    return f"{number:022d}"


def extended(number: int, ts: str = "2024-03-01T10:00:42Z", ms: Any = 200_000, **other: Any) -> Row:
    """A row of the extended history with the columns of 2025."""
    return {
        "ts": ts,
        "platform": "secret-platform",
        "ms_played": ms,
        "conn_country": "ZZ",
        "ip_addr": "192.0.2.77",
        "master_metadata_track_name": f"Song {number}",
        "master_metadata_album_artist_name": "The Invented",
        "master_metadata_album_album_name": "First",
        "spotify_track_uri": f"spotify:track:{track_id(number)}",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "audiobook_title": None,
        "audiobook_uri": None,
        "audiobook_chapter_uri": None,
        "audiobook_chapter_title": None,
        "reason_start": "trackdone",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "offline_timestamp": 1_709_287_242,
        "incognito_mode": False,
    } | other


def _nameless(ts: str, **other: Any) -> Row:
    names = ("track_name", "album_artist_name", "album_album_name")
    nothing = {f"master_metadata_{name}": None for name in names} | {"spotify_track_uri": None}
    return extended(0, ts) | nothing | other


def episode(number: int, ts: str = "2024-03-01T11:00:00Z") -> Row:
    """A podcast in the extended history."""
    uri = f"spotify:episode:{track_id(number)}"
    return _nameless(ts, episode_name=f"Episode {number}", episode_show_name="A Show", spotify_episode_uri=uri)


def chapter(number: int, ts: str = "2024-03-01T12:00:00Z") -> Row:
    """A chapter of an audiobook in the extended history, whose addresses are those of a show and an episode."""
    return _nameless(
        ts,
        audiobook_title="A Book",
        audiobook_uri=f"spotify:show:{track_id(1)}",
        audiobook_chapter_uri=f"spotify:episode:{track_id(number)}",
        audiobook_chapter_title=f"Chapter {number}",
        offline=None,
    )


def lost(ts: str = "2024-03-01T13:00:00Z") -> Row:
    """A row that Spotify no longer describes."""
    return _nameless(ts)


def of_2024(row: Row) -> Row:
    """``row`` with the columns of 2024: audiobooks did not exist yet."""
    return {name: value for name, value in row.items() if not name.startswith("audiobook")} | {"offline": None}


def of_2021(row: Row) -> Row:
    """``row`` as the files called endsong had it: user name, agent, other names, ms in offline_timestamp, nulls."""
    renamed = {name: value for name, value in of_2024(row).items() if name != "ip_addr"}
    return {
        **renamed,
        "username": "secret-user",
        "ip_addr_decrypted": "192.0.2.77",
        "user_agent_decrypted": "secret-agent",
        "offline_timestamp": 1_709_287_242_123,
        "skipped": None,
        "reason_end": None,
    }


def of_2020(row: Row) -> Row:
    """``row`` with the time as the first of these files wrote it."""
    return of_2021(row) | {"ts": row["ts"].replace("T", " ").replace("Z", " UTC")}


def of_2018(row: Row) -> Row:
    """``row`` as the first histories had it, sent on request by mail: no addresses, and numbers as texts."""
    reported = {
        name: value
        for name, value in of_2020(row).items()
        if name != "spotify_track_uri" and not name.startswith(("episode", "spotify_episode"))
    }
    return reported | {
        "ms_played": str(row["ms_played"]),
        "offline_timestamp": "0",
        "metro_code": "0",
        "longitude": 0,
        "latitude": 0,
    }


def lines(rows: list[Row]) -> str:
    """``rows`` as JSON Lines: an object a line, in no list."""
    return "".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows)


def music(title: str, end: str = "2024-03-01 10:00", ms: int = 200_000, artist: str = "The Invented") -> Row:
    """A song in the account data."""
    return {"endTime": end, "artistName": artist, "trackName": title, "msPlayed": ms}


def early(title: str, time: str = "2018-03-06 07:29:33", artist: str = "The Invented") -> Row:
    """A song in the account data of early 2018, which had no duration."""
    return {"artistName": artist, "trackName": title, "time": time}


def podcast(number: int, end: str = "2024-03-01 11:00") -> Row:
    """A podcast in the account data."""
    return {"endTime": end, "podcastName": "A Show", "episodeName": f"Episode {number}", "msPlayed": 5}


def audiobook(number: int, end: str = "2024-03-01 12:00") -> Row:
    """A chapter of an audiobook in the account data."""
    return {
        "endTime": end,
        "audiobookName": "A Book",
        "chapterName": f"Chapter {number}",
        "authorName": "A Writer",
        "msPlayed": 5,
    }


def zipped(path: Path, files: dict[str, Any]) -> Path:
    """A zip of ``files``: rows are written as JSON, bytes and text as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in files.items():
            archive.writestr(name, content(rows))
    return path


def unpacked(folder: Path, files: dict[str, Any]) -> Path:
    """A folder of ``files``."""
    for name, rows in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(rows))
    return folder


def content(rows: Any) -> bytes:
    """``rows`` as the bytes of a file, written as Spotify writes it."""
    if isinstance(rows, bytes):
        return rows
    return rows.encode() if isinstance(rows, str) else json.dumps(rows, indent=2, ensure_ascii=False).encode()


def counted(files: dict[str, Any]) -> tuple[int, Counter[str]]:
    """Rows and outcomes of an export into an empty moodlog, counted without moodlog.

    Good for exports whose account data has no play that the extended history has too.
    """
    histories = {name: rows for name, rows in files.items() if _is_history(name)}
    parsed = {name: _parsed(content(rows).decode("utf-8-sig")) for name, rows in histories.items()}
    outcomes: Counter[str] = Counter()
    seen: set[tuple[Any, ...]] = set()
    for rows in parsed.values():
        for row in rows:
            outcomes[_kind(row, seen)] += 1
    return sum(map(len, parsed.values())), outcomes


def _parsed(text: str) -> list[Row]:
    """The rows of a list, or of objects a line each."""
    whole: list[Row] = json.loads(text if text.startswith("[") else f"[{','.join(text.splitlines())}]")
    return whole


def _is_history(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.endswith(".json") and last.startswith(("Streaming", "end", "End"))


def _kind(row: Row, seen: set[tuple[Any, ...]]) -> str:
    if "time" in row:
        return _first(seen, tuple(row.values()), "unmatched")
    if "endTime" in row:
        if "podcastName" in row:
            return "podcast"
        return "audiobook" if "audiobookName" in row else _first(seen, tuple(row.values()), "unmatched")
    moment = row["ts"].replace("T", " ").replace("Z", "").replace(" UTC", "")
    if row.get("spotify_track_uri"):
        return _first(seen, (moment, row["spotify_track_uri"]), "imported")
    if row.get("episode_name"):
        return "podcast"
    if row.get("audiobook_title"):
        return "audiobook"
    if "spotify_track_uri" in row:
        return "no_uri"
    name = row["master_metadata_album_artist_name"], row["master_metadata_track_name"]
    return _first(seen, (moment[:16], *name, int(row["ms_played"])), "unmatched") if all(name) else "no_uri"


def _first(seen: set[tuple[Any, ...]], row: tuple[Any, ...], outcome: str) -> str:
    if row in seen:
        return "duplicate"
    seen.add(row)
    return outcome
