"""ReccoBeats as sources: by id, by recording code, and with lengths on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.feature_misses import NO_ISRC, NO_SPOTIFY_ID, OTHER_DURATION, UNKNOWN, UNUSABLE
from mood_core.domain.records import Track
from mood_core.errors import UnexpectedPayload
from mood_core.features.reccobeats.client import ReccoBeatsClient
from mood_core.features.reccobeats.payload import Entry, read_entries
from mood_core.features.reccobeats.source import by_id, by_isrc
from tests.unit.features_fakes import AT, VALUES, track_id, tracks


def entry(number: int, **changes: Any) -> dict[str, Any]:
    href = f"https://open.spotify.com/track/{track_id(number)}"
    return {"id": f"uuid-{number}", "href": href, "isrc": f"GBAAA26{number:05d}", **VALUES, **changes}


@dataclass
class FakeClient(ReccoBeatsClient):
    """Gives the same answer to every call, as entries of the service's payload."""

    content: list[dict[str, Any]]
    lengths: dict[int, Any] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    asked_lengths: list[list[str]] = field(default_factory=list)

    def audio_features(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        self.asked.append(list(ids))
        return read_entries({"content": self.content})

    def tracks(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        self.asked_lengths.append(list(ids))
        return read_entries({"content": [entry(n, durationMs=length) for n, length in self.lengths.items()]})


def test_features_are_joined_by_id_and_the_rest_is_missed() -> None:
    client = FakeClient([entry(2, energy=0.9), entry(0), entry(77)])
    result = by_id(client).fetch(tracks(4), AT)
    assert [(each.track_id, each.energy) for each in result.found] == [(track_id(0), 0.3), (track_id(2), 0.9)]
    assert {each.source for each in result.found} == {"reccobeats"}
    assert [(each.track_id, each.isrc) for each in result.learned] == [
        (track_id(0), "GBAAA2600000"),
        (track_id(2), "GBAAA2600002"),
    ]
    assert not by_id(client).fetch(tracks(4, isrc=True), AT).learned
    assert [(each.track_id, each.reason) for each in result.misses] == [(track_id(1), UNKNOWN), (track_id(3), UNKNOWN)]


@pytest.mark.parametrize("value", [None, "0.4", 1.2, -0.1, 40])
def test_an_illegal_value_invalidates_only_its_own_track(value: object) -> None:
    result = by_id(FakeClient([entry(0, valence=value), entry(1)])).fetch(tracks(2), AT)
    assert [each.track_id for each in result.found] == [track_id(1)]
    assert [(each.track_id, each.reason) for each in result.misses] == [(track_id(0), UNUSABLE)]


@given(
    content=st.permutations([entry(0, id="b", energy=0.2), entry(0, id="a", energy=0.1), entry(0, id="0", energy=7)])
)
def test_of_several_entries_the_first_usable_one_counts_whatever_the_order(content: list[dict[str, Any]]) -> None:
    result = by_id(FakeClient(content)).fetch(tracks(1), AT)
    assert [each.energy for each in result.found] == [0.1]


def test_a_sibling_of_the_same_recording_answers_by_its_code() -> None:
    client = FakeClient([entry(500, isrc="gb-aaa-26-00001"), entry(400, isrc="GBAAA2600001", energy=0.8)])
    result = by_isrc(client).fetch(tracks(3, isrc=True), AT)
    assert client.asked == [["GBAAA2600000", "GBAAA2600001", "GBAAA2600002"]]
    assert [(each.track_id, each.energy, each.source) for each in result.found] == [
        (track_id(1), 0.8, "reccobeats:isrc")
    ]
    assert [each.reason for each in result.misses] == [UNKNOWN, UNKNOWN]


def test_an_answer_by_code_needs_no_id() -> None:
    client = FakeClient(
        [entry(1, href=None, isrc="GBAAA2600000"), entry(2, href=None, isrc="GBAAA2600001")], {2: 200_000}
    )
    result = by_isrc(client, need_durations=True).fetch(tracks(2, isrc=True), AT)
    assert [each.duration_ms for each in result.found] == [None, 200_000]
    assert client.asked_lengths == [["uuid-1", "uuid-2"]]


def test_an_answer_that_can_be_joined_to_nothing_makes_no_misses() -> None:
    with pytest.raises(UnexpectedPayload):
        by_id(FakeClient([entry(0, href=None), entry(1, href=None)])).fetch(tracks(2), AT)
    with pytest.raises(UnexpectedPayload):
        by_isrc(FakeClient([entry(0, isrc=None)])).fetch(tracks(2, isrc=True), AT)


def test_releases_of_one_recording_share_one_place_in_the_call() -> None:
    wanted = [replace(track, isrc="GBAAA2600001") for track in tracks(3)]
    client = FakeClient([entry(1)])
    result = by_isrc(client).fetch(wanted, AT)
    assert client.asked == [["GBAAA2600001"]]
    assert [each.track_id for each in result.found] == [track_id(n) for n in range(3)]


def test_a_code_that_is_not_known_is_learned_with_the_duration() -> None:
    client = FakeClient([entry(1)], {1: 200_000})
    wanted = [tracks(3)[1], tracks(3)[2], replace(tracks(1, isrc=True)[0], duration_ms=180_000)]
    learned = by_isrc(client).learn(wanted[:2], AT)
    assert learned.learned == (replace(wanted[0], isrc="GBAAA2600001", duration_ms=200_000),)
    assert [(each.track_id, each.reason) for each in learned.misses] == [(track_id(2), NO_ISRC)]
    result = by_isrc(client).fetch([*learned.learned, wanted[2]], AT)
    assert client.asked_lengths == [[track_id(1), track_id(2)], [track_id(1)]]
    assert client.asked == [["GBAAA2600001", "GBAAA2600000"]]
    assert [(each.track_id, each.duration_ms) for each in result.found] == [(track_id(1), 200_000)]
    assert [(each.track_id, each.reason) for each in result.misses] == [(track_id(0), UNKNOWN)]


def test_a_recording_without_a_spotify_id_is_looked_up_by_its_code_alone() -> None:
    recording = Track("isrc:GBAAA2600001", "Song", ("Artist",), duration_ms=200_000, isrc="GBAAA2600001")
    client = FakeClient([entry(1)], {1: 201_000})
    assert by_id(client).skip_reason(recording) == NO_SPOTIFY_ID
    assert by_isrc(client).skip_reason(recording) is None
    assert [each.track_id for each in by_isrc(client).fetch([recording], AT).found] == [recording.track_id]


@pytest.mark.parametrize(
    ("ours", "theirs", "agree"),
    [
        (200_000, 203_000, True),
        (200_000, 204_100, False),
        (600_000, 588_500, True),
        (600_000, 587_900, False),
        (200_000, 900_000, False),
        (None, 900_000, True),
        (200_000, None, True),
    ],
)
def test_a_code_that_is_reused_for_a_recording_of_another_duration_gives_nothing(
    ours: int | None, theirs: int | None, *, agree: bool
) -> None:
    client = FakeClient([entry(500, isrc="GBAAA2600000")], {500: theirs})
    result = by_isrc(client).fetch([replace(tracks(1, isrc=True)[0], duration_ms=ours)], AT)
    assert bool(result.found) is agree
    assert [each.reason for each in result.misses] == ([] if agree else [OTHER_DURATION])


def test_of_several_recordings_with_one_code_the_one_of_the_same_duration_counts() -> None:
    client = FakeClient(
        [entry(4, isrc="GBAAA2600000"), entry(5, isrc="GBAAA2600000", energy=0.7)], {4: 900_000, 5: 199_000}
    )
    result = by_isrc(client).fetch([replace(tracks(1, isrc=True)[0], duration_ms=200_000)], AT)
    assert [(each.energy, each.duration_ms) for each in result.found] == [(0.7, 199_000)]


def test_lengths_are_not_asked_for_unless_needed() -> None:
    client = FakeClient([entry(0)], {0: 200_000})
    assert by_id(client).fetch(tracks(1), AT).found[0].duration_ms is None
    assert client.asked_lengths == []


def test_lengths_are_asked_in_one_call_for_found_tracks_of_unknown_length_alone() -> None:
    wanted = tracks(5)
    wanted[1] = replace(wanted[1], duration_ms=123_456)
    client = FakeClient([entry(0), entry(1), entry(2, durationMs=222_000), entry(4)], {0: 200_000, 4: "long"})
    result = by_id(client, need_durations=True).fetch(wanted, AT)
    assert client.asked_lengths == [[track_id(0), track_id(4)]]
    assert [each.duration_ms for each in result.found] == [200_000, None, 222_000, None]


def test_a_sibling_s_length_is_the_recording_s() -> None:
    client = FakeClient([entry(500, isrc="GBAAA2600000")], {500: 210_000})
    result = by_isrc(client, need_durations=True).fetch(tracks(1, isrc=True), AT)
    assert client.asked_lengths == [[track_id(500)]]
    assert result.found[0].duration_ms == 210_000
