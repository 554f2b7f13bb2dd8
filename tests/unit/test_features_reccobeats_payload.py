"""ReccoBeats' answers: strict where they carry the join, lenient elsewhere, never half-used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.recordings import normalised_isrc
from mood_core.errors import UnexpectedPayload
from mood_core.features.reccobeats.payload import EXCERPT_LENGTH, by_key, read_entries
from tests.unit.features_fakes import VALUES, track_id

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=15,
)
NEAR_ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "href": st.sampled_from(["https://open.spotify.com/track/" + track_id(1), "https://x.example/track/1", ""])
        | JSON,
        "isrc": st.sampled_from(["GBAAA2600001", "gb-aaa-26-00001"]) | JSON,
        **dict.fromkeys(VALUES, JSON),
    },
)


def entry(number: int, **changes: Any) -> dict[str, Any]:
    href = f"https://open.spotify.com/track/{track_id(number)}"
    return {"id": f"uuid-{number}", "href": href, "isrc": f"GBAAA26{number:05d}", **VALUES, **changes}


def test_entries_are_joined_by_href_whatever_their_order() -> None:
    entries = read_entries({"content": [entry(2), entry(1)]})
    assert [each.track_id for each in entries] == [track_id(1), track_id(2)]
    assert entries[0].values["energy"] == VALUES["energy"]


@pytest.mark.parametrize(
    "href",
    [
        f"https://open.spotify.com/track/{track_id(7)}?si=abc",
        f"http://open.spotify.com/track/{track_id(7)}/",
        f"https://open.spotify.com/intl-de/track/{track_id(7)}",
    ],
)
def test_an_href_may_carry_more_than_the_id(href: str) -> None:
    assert read_entries({"content": [entry(1, href=href)]})[0].track_id == track_id(7)


def test_nothing_known_is_an_answer_too() -> None:
    assert read_entries({"content": []}) == ()


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        "content",
        {},
        {"content": None},
        {"content": {}},
        {"content": [None]},
        {"content": [[]]},
        {"content": ["a", 1, entry(1)]},
        {"status": 4004, "errors": ["ids"]},
    ],
)
def test_an_answer_of_another_form_is_refused_whole(payload: object) -> None:
    with pytest.raises(UnexpectedPayload) as caught:
        read_entries(payload)
    assert caught.value.source == "reccobeats"
    assert len(caught.value.excerpt) <= EXCERPT_LENGTH


@pytest.mark.parametrize(
    "href",
    [
        None,
        7,
        "",
        "https://open.spotify.com/album/" + track_id(1),
        "https://open.spotify.com.evil.example/track/" + track_id(1),
        f"https://open.spotify.com/track/{track_id(1)},{track_id(2)}",
    ],
)
def test_an_href_that_names_no_spotify_track_joins_nothing(href: object) -> None:
    assert read_entries({"content": [entry(1, href=href)]})[0].track_id is None


def test_a_few_entries_that_cannot_be_joined_are_left_out_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    entries = read_entries({"content": [entry(1), entry(2), entry(3, href=None), None]})
    assert sorted(by_key(entries, lambda each: each.track_id)) == [track_id(1), track_id(2)]
    assert "1 entries" in caplog.text


def test_many_entries_that_cannot_be_joined_refuse_the_answer() -> None:
    entries = read_entries({"content": [entry(1), entry(2, href=None), entry(3, href=None)]})
    with pytest.raises(UnexpectedPayload, match="name no Spotify track"):
        by_key(entries, lambda each: each.track_id)


@given(payload=JSON | st.fixed_dictionaries({"content": st.lists(NEAR_ENTRY | JSON, max_size=4)}))
def test_any_json_is_read_or_refused(payload: Any) -> None:
    try:
        entries = read_entries(payload)
        by_key(entries, lambda each: each.track_id)
    except UnexpectedPayload:
        return
    assert 2 * len(entries) >= len(payload["content"])


@given(content=st.permutations([entry(1), entry(1, id="a"), entry(2), entry(3, id=None)]))
def test_the_service_s_order_decides_nothing(content: list[dict[str, Any]]) -> None:
    keys = [(each.track_id or "", each.uuid) for each in read_entries(json.loads(json.dumps({"content": content})))]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("GBAAA2600001", "GBAAA2600001"),
        ("gb-aaa-26-00001", "GBAAA2600001"),
        (" GB AAA 26 00001 ", "GBAAA2600001"),
        ("", None),
        (None, None),
        (12, None),
        ("GBAAA2600001,GBAAA2600002", None),
        (track_id(1), None),
    ],
)
def test_recording_codes_are_compared_in_one_form(written: object, compared: str | None) -> None:
    assert normalised_isrc(written) == compared
