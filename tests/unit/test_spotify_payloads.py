"""Answers of the Web API turned into records."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.listen_window import ListenWindow, SkippedItem, SkipReason
from mood_core.domain.records import Listen, ListenSource, Track, TrackKind
from mood_core.errors import UnexpectedPayload
from mood_core.spotify.payloads import (
    parse_audio_features,
    parse_playlist_page,
    parse_profile,
    parse_track,
    parse_window,
)

TRACK = {
    "type": "track",
    "id": "11dFghVXANMlKmJXsNCbNl",
    "uri": "spotify:track:11dFghVXANMlKmJXsNCbNl",
    "name": "Cut To The Feeling",
    "artists": [{"name": "Carly Rae Jepsen"}, {"name": "Another"}],
    "album": {"name": "Cut To The Feeling", "release_date": "2017-05-26"},
    "duration_ms": 207_959,
    "external_ids": {"isrc": "USUM71703861"},
    "is_local": False,
}


def item(played_at: object = "2026-11-20T10:00:00.123Z", **changes: object) -> dict[str, object]:
    return {"track": {**TRACK, **changes}, "played_at": played_at, "context": None}


def window(*items: object) -> ListenWindow:
    return parse_window({"items": list(items)}, "person")


def test_a_whole_item_becomes_a_listen_and_its_track() -> None:
    seen = window(item())
    assert seen.tracks == (
        Track(
            "11dFghVXANMlKmJXsNCbNl",
            "Cut To The Feeling",
            ("Carly Rae Jepsen", "Another"),
            "Cut To The Feeling",
            207_959,
            "USUM71703861",
            "2017-05-26",
        ),
    )
    played_at = datetime(2026, 11, 20, 10, 0, 0, 123_000, tzinfo=UTC)
    assert seen.listens == (Listen("person", played_at, TRACK["id"], ListenSource.RECENTLY_PLAYED),)  # type: ignore[arg-type]
    assert (seen.skipped, seen.full, seen.oldest_at) == ((), False, played_at)


def test_oldest_first_whatever_the_order() -> None:
    seen = window(item("2026-11-20T12:00:00Z", id="b"), item("2026-11-20T10:00:00Z", id="a"), item("2026-11-20T11:00Z"))
    assert [listen.played_at.hour for listen in seen.listens] == [10, 11, 12]
    assert [track.track_id for track in seen.tracks] == ["a", TRACK["id"], "b"]


def test_a_loop_stays_several_listens_and_a_repeated_item_is_one() -> None:
    seen = window(item("2026-11-20T10:00:00Z"), item("2026-11-20T10:03:00Z"), item("2026-11-20T10:03:00Z"))
    assert len(seen.listens) == 2
    assert len(seen.tracks) == 1


@pytest.mark.parametrize(
    ("written", "hour", "millisecond"),
    [
        ("2026-11-20T10:00:00Z", 10, 0),
        ("2026-11-20T10:00:00.1Z", 10, 100),
        ("2026-11-20T10:00:00.123456Z", 10, 123),
        ("2026-11-20T12:00:00.999+02:00", 10, 999),
    ],
)
def test_times_become_utc_milliseconds(written: str, hour: int, millisecond: int) -> None:
    (listen,) = window(item(written)).listens
    assert listen.played_at == datetime(2026, 11, 20, hour, 0, 0, millisecond * 1000, tzinfo=UTC)
    assert listen.played_at.tzinfo is UTC


def test_a_local_file_goes_by_its_uri() -> None:
    uri = "spotify:local:Artist:Album:Title:231"
    (track,) = window(item(id=None, uri=uri, is_local=True, external_ids={}, album={"name": ""})).tracks
    assert (track.track_id, track.kind, track.album, track.isrc) == (uri, TrackKind.LOCAL, None, None)


@pytest.mark.parametrize(
    ("invalid", "reason"),
    [
        ({"track": None, "played_at": "2026-11-20T09:00:00Z"}, SkipReason.NO_TRACK),
        ({"played_at": "2026-11-20T09:00:00Z"}, SkipReason.NO_TRACK),
        (item("2026-11-20T09:00:00Z", type="episode"), SkipReason.EPISODE),
        (item(None), SkipReason.MALFORMED),
        (item("yesterday"), SkipReason.MALFORMED),
        (item("2026-11-20T09:00:00"), SkipReason.MALFORMED),
        (item("0001-01-01T00:00:00+23:00"), SkipReason.MALFORMED),
        (item(1_700_000_000_000), SkipReason.MALFORMED),
        (item(id=None), SkipReason.MALFORMED),
        (item(id="", uri=""), SkipReason.MALFORMED),
        (item(id=17, uri=None), SkipReason.MALFORMED),
        (item(id="a\0b", uri=None), SkipReason.MALFORMED),
        (item(id=None, uri="spotify:local:" + "x" * 2000, is_local=True), SkipReason.MALFORMED),
        ({"track": "11dFghVXANMlKmJXsNCbNl"}, SkipReason.MALFORMED),
        ("nonsense", SkipReason.MALFORMED),
        (None, SkipReason.MALFORMED),
    ],
)
def test_only_an_invalid_item_is_skipped(invalid: object, reason: SkipReason) -> None:
    seen = window(invalid, item("2026-11-20T10:00:00Z"))
    assert len(seen.listens) == 1
    assert [(skipped.reason, skipped.position) for skipped in seen.skipped] == [(reason, 0)]


def test_a_window_is_full_by_its_items_and_its_oldest_counts_although_skipped() -> None:
    times = [f"2026-11-20T10:{minute:02}:00Z" for minute in range(50)]
    items = [item(time) for time in times]
    items[0]["track"] = None
    seen = window(*items)
    assert seen.full
    assert len(seen.listens) == 49
    assert seen.oldest_at == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    assert not window(*items[1:]).full


@pytest.mark.parametrize(
    ("played_at", "is_kept"),
    [
        ("1999-12-31T23:59:59.999Z", False),
        ("2000-01-01T00:00:00Z", True),
        ("2999-12-31T23:59:59Z", True),
        ("3000-01-01T00:00:00Z", False),
    ],
)
def test_a_play_in_a_year_in_which_nothing_was_played_is_left_out(played_at: str, is_kept: bool) -> None:
    seen = window(item(), item(played_at, id="0" * 22))
    assert len(seen.listens) == 1 + is_kept
    assert [skip.reason for skip in seen.skipped] == [SkipReason.MALFORMED] * (not is_kept)


def test_an_empty_window_holds_nothing_and_is_not_full() -> None:
    assert window() == ListenWindow((), (), (), full=False, oldest_at=None)


def test_a_window_that_cannot_be_read_at_all_is_a_changed_contract() -> None:
    with pytest.raises(UnexpectedPayload, match="none of 2 items"):
        window({"track": 1}, {"track": {}, "played_at": 3})


@pytest.mark.parametrize("payload", [None, [], "text", 7, {}, {"items": None}, {"items": {}}, {"items": "abc"}])
def test_a_wrong_frame_is_unexpected(payload: object) -> None:
    with pytest.raises(UnexpectedPayload, match="me/player/recently-played"):
        parse_window(payload, "person")
    with pytest.raises(UnexpectedPayload, match="playlists"):
        parse_playlist_page(payload, "items", 0)


@pytest.mark.parametrize(
    ("payload", "account_id", "name"),
    [
        ({"account_id": "acc", "id": "old", "display_name": "Ada"}, "acc", "Ada"),
        ({"id": "old", "display_name": None}, "old", "old"),
        ({"account_id": "", "id": "old", "display_name": ""}, "old", "old"),
        ({"account_id": None, "id": "old", "display_name": 5}, "old", "old"),
    ],
)
def test_a_profile_goes_by_the_stable_id_and_a_name_that_can_be_shown(
    payload: object, account_id: str, name: str
) -> None:
    profile = parse_profile(payload)
    assert (profile.account_id, profile.display_name) == (account_id, name)


@pytest.mark.parametrize("payload", [None, {}, {"id": None}, {"id": 7}, {"id": ""}])
def test_a_profile_without_an_id_is_unexpected(payload: object) -> None:
    with pytest.raises(UnexpectedPayload):
        parse_profile(payload)


def test_text_that_no_database_takes_is_replaced() -> None:
    invalid = json.loads('{"name": "a\\u0000b\\ud800c"}')["name"]
    (track,) = window(item(name=invalid, artists=[{"name": invalid}])).tracks
    assert track.name == "a\ufffdb\ufffdc"
    assert track.artists == ("a\ufffdb\ufffdc",)


@pytest.mark.parametrize("value", [None, True, "long", -1, 2**31, float("inf"), float("nan"), [], 10**400])
def test_an_invalid_duration_is_unknown(value: object) -> None:
    (track,) = window(item(duration_ms=value)).tracks
    assert track.duration_ms is None


def test_a_playlist_page_in_both_forms() -> None:
    entries = parse_playlist_page(
        {
            "items": [
                {"item": TRACK},
                {"track": TRACK},
                {"item": None},
                {"track": {"type": "episode", "id": "e"}},
                {"is_local": True, "item": {"id": None, "uri": "spotify:local:a:b:c:1", "name": "c"}},
                7,
            ],
            "next": None,
        },
        "items",
        50,
    ).entries
    kinds = [entry.reason if isinstance(entry, SkippedItem) else entry.kind for entry in entries]
    assert kinds == ["track", "track", "no_track", "episode", "local", "malformed"]
    assert [entry.position for entry in entries if isinstance(entry, SkippedItem)] == [52, 53, 55]


@pytest.mark.parametrize(
    ("page", "offset", "following"),
    [
        ({"items": [1], "next": "x"}, 0, 1),
        ({"items": [1], "next": None}, 0, None),
        ({"items": [], "next": "x"}, 50, None),
        ({"items": [1], "next": "x", "total": 1}, 0, None),
        ({"items": [1], "next": "x", "total": 3}, 1, 2),
        ({"items": [1], "next": "x"}, 19_999, None),
    ],
)
def test_pages_come_to_an_end(page: object, offset: int, following: int | None) -> None:
    assert parse_playlist_page(page, "items", offset).next_offset == following


@pytest.mark.parametrize("payload", [None, {}, {"audio_features": None}, {"audio_features": [1, {}]}])
def test_features_of_another_kind_are_unexpected(payload: object) -> None:
    with pytest.raises(UnexpectedPayload, match="audio-features"):
        parse_audio_features(payload, ["a", "b"])


@pytest.mark.parametrize("entries", [[None, {"id": "b"}], [{"id": "b"}], [{"id": "b"}, {"id": []}, None]])
def test_features_come_in_the_order_of_the_ids(entries: list[object]) -> None:
    assert parse_audio_features({"audio_features": entries}, ["a", "b"]) == [None, {"id": "b"}]


leaves: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.sampled_from(
        ["track", "episode", "2026-11-20T10:00:00Z", "spotify:local:a:b:c:1", "9999-12-31T23:59:59-12:00"]
    )
)
keys = st.sampled_from(
    ["items", "track", "item", "played_at", "type", "id", "uri", "is_local", "name", "artists", "album"]
) | st.sampled_from(
    ["duration_ms", "external_ids", "isrc", "release_date", "account_id", "display_name", "next", "total"]
)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=40
)


def storable(text: str | None) -> bool:
    return text is None or ("\0" not in text and bool(text.encode("utf-8") or True))


@given(anything, st.lists(anything, max_size=4))
def test_no_payload_surprises(payload: object, items: list[object]) -> None:
    for frame in (
        payload,
        {"items": items},
        {"items": [{"track": one, "played_at": "2026-11-20T10:00Z"} for one in items]},
    ):
        for parse in (
            parse_profile,
            parse_track,
            lambda one: parse_window(one, "person"),
            lambda one: parse_playlist_page(one, "items", 0),
            lambda one: parse_audio_features(one, ["a"]),
        ):
            try:
                parse(frame)
            except UnexpectedPayload as error:
                assert error.message  # noqa: PT017 - the other outcome is a record
        check_window(frame)


def check_window(frame: Any) -> None:
    try:
        seen = parse_window(frame, "person")
    except UnexpectedPayload:
        return
    items = frame["items"]
    assert len(seen.listens) + len(seen.skipped) <= len(items)
    assert {listen.track_id for listen in seen.listens} == {track.track_id for track in seen.tracks}
    assert list(seen.listens) == sorted(seen.listens, key=lambda listen: (listen.played_at, listen.track_id))
    for track in seen.tracks:
        assert all(storable(text) for text in (track.track_id, track.name, track.album, track.isrc, *track.artists))
