"""One rule of what a reference to Spotify is, in every place that takes one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from flows.parameters import Playlist as PlaylistParameter
from mood_core.domain.records import MOODS, Track
from mood_core.domain.spotify_ids import is_safe_id, parse_playlist_ref, parse_track_ref
from mood_core.errors import InputError
from mood_core.exports.parse_row import ImportFilter, RowParser
from mood_core.features.catalog.source import CatalogSource
from mood_core.features.reccobeats.payload import read_entries
from mood_core.usecases.models.build_dataset import parse_playlist
from mood_core.usecases.models.predict_tracks import track_id_of
from tests.unit.catalog_files import ROWS, write_csv
from tests.unit.features_fakes import AT

ID = "4uLU6hMCjMI75M1A2tKUQC"

TRACKS = [
    f"spotify:track:{ID}",
    f"https://open.spotify.com/track/{ID}",
    f"http://open.spotify.com/track/{ID}",
    f"open.spotify.com/track/{ID}",
    f"https://open.spotify.com/track/{ID}/",
    f"https://open.spotify.com/track/{ID}?si=0123456789abcdef",
    f"https://open.spotify.com/track/{ID}#0:42",
    f"https://open.spotify.com/intl-pt_BR/track/{ID}",
    f"https://open.spotify.com/intl-de/track/{ID}/?si=x",
    f"https://open.spotify.com/embed/track/{ID}",
    f"https://api.spotify.com/v1/tracks/{ID}",
    f"  spotify:track:{ID} ",
]
NO_TRACKS = [
    "yesterday",
    ID[:-1],
    f"{ID}x",
    f"spotify:album:{ID}",
    f"spotify:episode:{ID}",
    f"https://open.spotify.com/album/{ID}",
    f"https://open.spotify.com.example.org/track/{ID}",
    f"https://example.org/open.spotify.com/track/{ID}",
    f"https://open.spotify.com/track/{ID}/x",
    f"spotify:track:{ID[:-1]}-",
]


def _catalog(reference: str, folder: Path) -> str | None:
    file = write_csv(folder / "a.csv", [{**ROWS[0], "id": reference}, {**ROWS[0], "id": "0" * 22}])
    try:
        found = CatalogSource([str(file)], folder / "cache").fetch([Track(ID, "", ())], AT).found
    except InputError:
        return None
    return found[0].track_id if found else None


def _predict(reference: str, _: Path) -> str | None:
    try:
        return track_id_of(reference)
    except InputError:
        return None


def _history(reference: str, _: Path) -> str | None:
    row = {"ts": "2024-03-01T10:00:00Z", "ms_played": 60_000, "spotify_track_uri": reference}
    parser = RowParser(ImportFilter(), AT)
    try:
        parser.parse(row)
    except Exception:  # noqa: BLE001 - whatever it says of an invalid row
        return None
    infos = parser.result.track_infos
    return infos[0].track_id if infos else None


def _reccobeats(reference: str, _: Path) -> str | None:
    (entry,) = read_entries({"content": [{"id": "u", "href": reference}]})
    return entry.track_id


def _domain(reference: str, _: Path) -> str | None:
    return parse_track_ref(reference)


CONSUMERS = [_domain, _catalog, _predict, _history, _reccobeats]


@pytest.mark.parametrize("read", CONSUMERS)
def test_every_reader_of_tracks_takes_the_same_references(
    read: Callable[[str, Path], str | None], tmp_path: Path
) -> None:
    for number, reference in enumerate([ID, *TRACKS]):
        (folder := tmp_path / f"good-{number}").mkdir()
        assert read(reference, folder) == ID, reference
    for number, reference in enumerate(NO_TRACKS):
        (folder := tmp_path / f"bad-{number}").mkdir()
        assert read(reference, folder) is None, reference


PLAYLISTS = [
    ID,
    *(each.replace("tracks/", "playlists/").replace("track", "playlist") for each in TRACKS[:-1]),
    f"spotify:user:somebody:playlist:{ID}",
    f"https://open.spotify.com/user/somebody/playlist/{ID}",
]


def _parameter(text: str) -> bool:
    (field,) = get_args(PlaylistParameter)[1:]
    pattern = next(each.pattern for each in field.metadata if hasattr(each, "pattern"))
    return re.search(pattern, text) is not None


def test_the_command_and_the_flows_form_take_the_same_playlists() -> None:
    for reference in PLAYLISTS:
        assert parse_playlist_ref(reference) == ID, reference
        assert parse_playlist(f"Calm={reference}").playlist_id == ID, reference
        assert _parameter(f"Calm={reference}"), reference
    for reference in [*NO_TRACKS, f"spotify:track:{ID}"]:
        assert parse_playlist_ref(reference) is None, reference
        assert not _parameter(f"Calm={reference}"), reference
        with pytest.raises(InputError, match="MOOD=ID"):
            parse_playlist(f"Calm={reference}")


def test_the_mood_of_a_playlist_is_written_as_moods_are() -> None:
    written = [parse_playlist(f"{word}={ID}").mood for mood in MOODS for word in (mood, mood.lower(), mood.upper())]
    assert Counter(written) == dict.fromkeys(MOODS, 3)
    assert parse_playlist(f"focus={ID}").mood == "focus"


def test_what_is_safe_in_a_list_of_ids() -> None:
    assert is_safe_id(ID)
    assert not any(map(is_safe_id, ["", "a,b", "a/b", "spotify:local:x", "x" * 65, "ä"]))
