"""The walk along the sources: order, batches, misses, failures, stop and resume."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.feature_misses import ANY_SOURCE, NO_SPOTIFY_ID, NOT_A_TRACK, UNKNOWN, PastMiss
from mood_core.domain.records import Track, TrackKind
from mood_core.errors import (
    AccessDenied,
    InputError,
    QuotaExceeded,
    RateLimited,
    ReauthorisationNeeded,
    SourceError,
    Unavailable,
    UnexpectedPayload,
)
from mood_core.features.chain import fetch_features
from mood_core.features.fetch_report import FetchReport
from mood_core.features.source import FetchResult
from tests.unit.features_fakes import AT, Availability, FakeSource, Memory, track_id, tracks


def walk(
    wanted: Sequence[Track],
    sources: Sequence[FakeSource],
    memory: Memory | None = None,
    *,
    at: datetime = AT,
    availability: Availability | None = None,
) -> tuple[Memory, FetchReport]:
    """A whole run that stores each batch as it comes."""
    memory = memory if memory is not None else Memory()
    report = FetchReport()
    waiting = [track for track in wanted if track.track_id not in memory.found]
    for result in fetch_features(
        waiting, sources, memory.past_misses, at, availability=availability or Availability(), report=report
    ):
        memory.store(result)
    return memory, report


def raising(error: Exception, *calls: int) -> Callable[[int], None]:
    """Raise ``error`` at those calls (by number from 0), or at all of them."""

    def trouble(call: int) -> None:
        if not calls or call in calls:
            raise error

    return trouble


def asked(source: FakeSource) -> list[str]:
    return [each for call in source.calls for each in call]


def ids(*numbers: int) -> frozenset[str]:
    return frozenset(map(track_id, numbers))


@given(count=st.integers(0, 200), size=st.integers(1, 45))
def test_every_call_is_a_full_one(count: int, size: int) -> None:
    source = FakeSource(batch_size=size)
    walk(tracks(count), [source])
    assert len(source.calls) == math.ceil(count / size)
    assert sorted(asked(source)) == [track_id(n) for n in range(count)]


def test_later_sources_are_asked_only_for_what_earlier_ones_missed() -> None:
    first = FakeSource("first", ids(0, 2))
    second = FakeSource("second", ids(0, 1, 2, 3))
    memory, report = walk(tracks(5), [first, second])
    assert second.calls == [[track_id(1), track_id(3), track_id(4)]]
    assert {each.track_id: each.source for each in memory.found.values()} == {
        track_id(0): "first",
        track_id(1): "second",
        track_id(2): "first",
        track_id(3): "second",
    }
    assert (report.found["first"], report.missed["second"], report.stopped) == (2, 1, [])


def test_a_track_given_twice_is_asked_once() -> None:
    source = FakeSource()
    walk(tracks(2) + tracks(2), [source])
    assert source.calls == [[track_id(0), track_id(1)]]


def test_releases_of_one_recording_share_a_place_in_a_call() -> None:
    source = FakeSource(batch_size=2)
    wanted = [replace(track, isrc=code) for track, code in zip(tracks(5), "ABCAB", strict=True)]
    walk(wanted, [source])
    assert source.calls == [[track_id(0), track_id(3), track_id(1), track_id(4)], [track_id(2)]]


def test_misses_are_not_asked_again_before_they_are_due() -> None:
    source = FakeSource()
    memory, _ = walk(tracks(3), [source])
    _, report = walk(tracks(3), [source], memory, at=AT + timedelta(hours=23))
    assert len(source.calls) == 1
    assert report.requested["fake"] == 0
    walk(tracks(3), [source], memory, at=AT + timedelta(days=1))
    assert len(source.calls) == 2
    assert {miss.count for miss in memory.misses.values()} == {2}


def test_a_release_known_later_is_found_later() -> None:
    memory, _ = walk(tracks(1), [FakeSource()])
    memory, _ = walk(tracks(1), [FakeSource(known=ids(0))], memory, at=AT + timedelta(days=1))
    assert list(memory.found) == [track_id(0)]


def test_local_files_are_classified_once_and_never_asked() -> None:
    local = Track("spotify:local:a:b:c:10", "Tape", ("Me",), kind=TrackKind.LOCAL)
    source = FakeSource()
    memory, _ = walk([local], [source])
    memory, _ = walk([local], [source], memory, at=AT + timedelta(days=200))
    assert source.calls == []
    assert memory.misses == {(local.track_id, ANY_SOURCE): PastMiss(NOT_A_TRACK, AT, 1)}


def test_a_track_the_source_cannot_be_asked_about_is_noted_once_and_takes_no_place_in_a_call() -> None:
    lacking = {track_id(1)}
    source = FakeSource(batch_size=2, refuses=lambda track: NO_SPOTIFY_ID if track.track_id in lacking else None)
    memory, _ = walk(tracks(3), [source])
    assert source.calls == [[track_id(0), track_id(2)]]
    walk(tracks(3), [source], memory, at=AT + timedelta(hours=1))
    assert memory.misses[track_id(1), "fake"] == PastMiss(NO_SPOTIFY_ID, AT, 1)
    lacking.clear()
    walk(tracks(3), [source], memory, at=AT + timedelta(hours=2))
    assert source.calls[1:] == [[track_id(1)]]


def test_a_local_source_is_looked_up_every_time_and_its_misses_reported_once() -> None:
    source = FakeSource("files", remote=False)
    memory, _ = walk(tracks(2), [source])
    memory, _ = walk(tracks(2), [source], memory, at=AT + timedelta(minutes=1))
    assert len(source.calls) == 2
    assert {miss.count for miss in memory.misses.values()} == {1}
    memory, _ = walk(tracks(2), [FakeSource("files", ids(0), remote=False)], memory)
    assert list(memory.found) == [track_id(0)]


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (RateLimited("wait", source="first", retry_after_s=900), 900),
        (QuotaExceeded("used up", source="first", retry_after_s=80_000), 80_000),
        (Unavailable("down", source="first"), None),
        (ReauthorisationNeeded("again", source="first"), None),
    ],
)
def test_a_failing_source_is_not_called_again_and_adds_no_misses(error: SourceError, wait: float | None) -> None:
    first = FakeSource("first", ids(0), batch_size=1, trouble=raising(error, 1))
    second = FakeSource("second", ids(1))
    memory, report = walk(tracks(4), [first, second])
    assert len(first.calls) == 2
    assert second.calls == [[track_id(1), track_id(2), track_id(3)]]
    assert [key for key in memory.misses if key[1] == "first"] == []
    assert [(each.service, each.reason, each.retry_after_s) for each in report.stopped] == [
        ("first", error.message, wait)
    ]


def test_a_stopped_service_stops_its_other_steps() -> None:
    by_id = FakeSource("service", trouble=raising(Unavailable("down", source="service")))
    by_isrc = FakeSource("service:isrc")
    walk(tracks(2), [by_id, by_isrc])
    assert by_isrc.calls == []


def test_access_denied_is_recorded_and_tried_again_with_one_call() -> None:
    denied = raising(AccessDenied("403", source="spotify"))
    availability = Availability()
    first = FakeSource("spotify", batch_size=1, trouble=denied)
    other = FakeSource("other", ids(0, 1, 2))
    memory, report = walk(tracks(3), [first, other], availability=availability)
    assert (len(first.calls), availability.since) == (1, {"spotify": AT})
    assert [(each.service, each.reason) for each in report.denied] == [("spotify", "403")]
    assert report.stopped == []  # how Spotify treats an app is no trouble of the run
    assert len(memory.found) == 3

    before, due = AT + timedelta(days=29, hours=23), AT + timedelta(days=30)
    walk(tracks(3), [first], at=before, availability=availability)
    assert len(first.calls) == 1
    walk(tracks(3), [first], at=due, availability=availability)
    assert (len(first.calls), availability.since) == (2, {"spotify": due})

    back = FakeSource("spotify", ids(0, 1, 2), batch_size=1)
    walk(tracks(3), [back], at=due + timedelta(days=30), availability=availability)
    assert (len(back.calls), availability.since) == (3, {})


def test_a_denial_that_is_no_settled_answer_is_a_trouble_of_the_run() -> None:
    first = FakeSource(
        "first", batch_size=1, denied_for=timedelta(0), trouble=raising(AccessDenied("403", source="first"))
    )
    availability = Availability()
    _, report = walk(tracks(3), [first], availability=availability)
    assert (len(first.calls), availability.since) == (1, {})
    assert [each.service for each in report.stopped] == ["first"]


def test_an_unexpected_answer_is_quarantined_and_the_next_batch_asked() -> None:
    error = UnexpectedPayload("odd", source="first", excerpt="<html>")
    first = FakeSource("first", ids(0, 1, 2, 3), batch_size=2, trouble=raising(error, 0))
    step = FakeSource("first:step")
    second = FakeSource("second", ids(0))
    memory, report = walk(tracks(4), [first, step, second])
    assert len(first.calls) == 2
    assert step.calls == []  # what was not answered is not missing there
    assert memory.found[track_id(0)].source == "second"
    assert [(each.excerpt, each.track_ids) for each in report.quarantined] == [("<html>", (track_id(0), track_id(1)))]
    assert [key for key in memory.misses if key[1] == "first"] == []


def test_unexpected_answers_in_a_row_stop_the_service() -> None:
    error = UnexpectedPayload("odd", source="first")
    first = FakeSource("first", batch_size=1, trouble=raising(error))
    _, report = walk(tracks(9), [first])
    assert len(first.calls) == 2
    assert [each.service for each in report.stopped] == ["first"]


def test_unexpected_answers_now_and_then_do_not() -> None:
    error = UnexpectedPayload("odd", source="first")
    first = FakeSource("first", batch_size=1, trouble=raising(error, 0, 2, 4))
    walk(tracks(6), [first])
    assert len(first.calls) == 6


def test_a_wrong_file_ends_the_run() -> None:
    with pytest.raises(InputError):
        walk(tracks(1), [FakeSource(trouble=raising(InputError("wrong file")))])


@given(known=st.sets(st.integers(0, 29)), size=st.integers(1, 7), stop_after=st.integers(0, 12))
def test_a_run_stopped_anywhere_and_resumed_asks_nothing_twice(known: set[int], size: int, stop_after: int) -> None:
    sources = [FakeSource("a", ids(*sorted(known)[::2]), size), FakeSource("b", ids(*known), size)]
    memory = Memory()
    first_run = fetch_features(tracks(30), sources, memory.past_misses, AT, availability=Availability())
    for result in islice(first_run, stop_after):
        memory.store(result)
    walk(tracks(30), sources, memory, at=AT + timedelta(minutes=5))

    for source in sources:
        assert len(asked(source)) == len(set(asked(source)))
    assert set(memory.found) == {track_id(n) for n in known}


@given(size=st.integers(1, 7), lost=st.integers(0, 3))
def test_a_run_killed_before_it_could_store_asks_that_one_batch_again(size: int, lost: int) -> None:
    source = FakeSource(batch_size=size)
    memory = Memory()
    run = fetch_features(tracks(30), [source], memory.past_misses, AT, availability=Availability())
    for result in islice(run, lost):
        memory.store(result)
    next(run)
    walk(tracks(30), [source], memory, at=AT + timedelta(minutes=5))
    assert len(asked(source)) == 30 + size


def test_one_source_s_unexpected_answer_does_not_count_against_the_next() -> None:
    first = FakeSource("first", trouble=raising(UnexpectedPayload("odd", source="first")))
    second = FakeSource("second", batch_size=1, trouble=raising(UnexpectedPayload("odd", source="second"), 0))
    walk(tracks(5), [first, second])
    assert len(second.calls) == 5


def test_results_account_for_every_track() -> None:
    source = FakeSource(known=ids(1, 3))
    results: list[FetchResult] = list(fetch_features(tracks(5), [source], {}, AT, availability=Availability()))
    found = [each.track_id for result in results for each in result.found]
    missed = [each.track_id for result in results for each in result.misses]
    assert sorted(found + missed) == [track_id(n) for n in range(5)]
    assert {miss.reason for result in results for miss in result.misses} == {UNKNOWN}
