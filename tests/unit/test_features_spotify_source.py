"""Spotify's audio features as a source: joined on the entries' own ids, never half-used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.feature_misses import UNKNOWN, UNUSABLE
from mood_core.errors import UnexpectedPayload
from mood_core.features.spotify import SpotifySource
from tests.unit.features_fakes import AT, VALUES, track_id, tracks

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=15,
)


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": track_id(number), "type": "audio_features", "duration_ms": 200_000 + number, **VALUES, **changes}


def source_of(answer: Any) -> tuple[SpotifySource, list[list[str]]]:
    asked: list[list[str]] = []

    def call(ids: Sequence[str], /) -> Any:
        asked.append(list(ids))
        return answer

    return SpotifySource(call), asked


@given(answer=st.permutations([entry(0), None, entry(2, energy=0.9), entry(3, tempo=None), entry(99)]))
def test_entries_are_joined_by_id_whatever_their_place(answer: list[Any]) -> None:
    source, asked = source_of(answer)
    result = source.fetch(tracks(5), AT)
    assert asked == [[track_id(n) for n in range(5)]]
    assert [(each.track_id, each.energy, each.duration_ms) for each in result.found] == [
        (track_id(0), 0.3, 200_000),
        (track_id(2), 0.9, 200_002),
    ]
    assert [(each.track_id, each.reason) for each in result.misses] == [
        (track_id(1), UNKNOWN),
        (track_id(3), UNUSABLE),
        (track_id(4), UNKNOWN),
    ]


@pytest.mark.parametrize("answer", [None, {}, "[]", 3, [3], [{}], [{"id": None}], [entry(0), {**entry(1), "id": 7}]])
def test_an_answer_that_breaks_the_join_is_refused_whole(answer: Any) -> None:
    with pytest.raises(UnexpectedPayload) as caught:
        source_of(answer)[0].fetch(tracks(2), AT)
    assert caught.value.source == "spotify"
    assert len(caught.value.excerpt) <= 200


@given(answer=JSON | st.lists(st.dictionaries(st.sampled_from(["id", *VALUES]), JSON | st.just(track_id(0)))))
def test_any_json_is_read_or_refused(answer: Any) -> None:
    try:
        result = source_of(answer)[0].fetch(tracks(3), AT)
    except UnexpectedPayload:
        return
    assert len(result.found) + len(result.misses) == 3
