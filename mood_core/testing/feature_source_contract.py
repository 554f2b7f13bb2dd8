"""The tests that every feature source passes, for authors of sources: subclass, and give a ``subject``.

    class TestMySource(FeatureSourceContract):
        @pytest.fixture
        def subject(self):
            return SourceUnderTest(MySource(...), known=[...], truth={...}, unknown=[...])

It needs no network of its own and imports no test runner; pytest finds the methods of the subclass.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mood_core.domain.records import Track
from mood_core.domain.vectors import NINE
from mood_core.features.source import FeatureSource, service_of

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
"""When the contract asks: what is found and missed is dated so."""

_SOME = 15


@dataclass
class SourceUnderTest:
    """A source with tracks to ask about.

    Attributes:
        source: what is tested.
        known: at least 20 tracks that it knows.
        truth: by track id, the nine features that it must answer, by name.
        unknown: at least 20 tracks that it does not know.
    """

    source: FeatureSource
    known: Sequence[Track]
    truth: Mapping[str, Mapping[str, float]]
    unknown: Sequence[Track]


class FeatureSourceContract:
    """What the chain relies on: each track is accounted for once, values are joined by id, a miss is no failure."""

    def test_it_says_who_it_is(self, subject: SourceUnderTest) -> None:
        """It has a name and a batch size."""
        assert subject.source.name, "a source needs a name"
        assert subject.source.batch_size >= 1, "batch_size is the number of questions in one fetch, at least 1"

    def test_every_track_is_accounted_for_once_in_the_order_asked(self, subject: SourceUnderTest) -> None:
        """Known tracks are in ``found``, unknown ones in ``misses``, each once."""
        pairs = list(zip(subject.known[:_SOME], subject.unknown[:_SOME], strict=True))
        result = subject.source.fetch([track for pair in pairs for track in pair], AT)
        assert [each.track_id for each in result.found] == [known.track_id for known, _ in pairs]
        assert [each.track_id for each in result.misses] == [unknown.track_id for _, unknown in pairs]

    def test_values_are_the_sources_own_with_source_and_date(self, subject: SourceUnderTest) -> None:
        """The nine features are those of the same track, and say which source answered when."""
        found = subject.source.fetch(subject.known[: min(40, subject.source.batch_size)], AT).found
        assert found, "a known track must be found"
        for features in found:
            expected = subject.truth[features.track_id]
            for name in NINE:
                value = getattr(features, name)
                message = f"{name} of {features.track_id} is {value}, not {expected[name]}"
                assert math.isclose(value, expected[name], rel_tol=1e-6, abs_tol=1e-12), message
            assert service_of(features.source) == service_of(subject.source.name)
            assert features.fetched_at == AT

    def test_a_miss_says_which_source_and_when(self, subject: SourceUnderTest) -> None:
        """A track that is not known is a miss with the reason ``unknown``."""
        misses = subject.source.fetch(subject.unknown[:5], AT).misses
        assert len(misses) == 5
        for miss in misses:
            assert (miss.source, miss.reason, miss.missed_at) == (subject.source.name, "unknown", AT)

    def test_the_order_of_the_tracks_changes_nothing(self, subject: SourceUnderTest) -> None:
        """Values are joined by id, never by position."""
        asked = [*subject.known[:20], *subject.unknown[:20]]
        shuffled = random.Random(1).sample(asked, len(asked))  # noqa: S311 - an order, no secret
        first, second = subject.source.fetch(asked, AT), subject.source.fetch(shuffled, AT)
        assert set(first.found) == set(second.found)
        assert set(first.misses) == set(second.misses)

    def test_asking_about_nothing_gives_nothing(self, subject: SourceUnderTest) -> None:
        """An empty question has an empty answer."""
        result = subject.source.fetch([], AT)
        assert (result.found, result.misses) == ((), ())
