"""The queues of tracks that wait for features and for a label equal what reading all tracks would find.

After any sequence of loads, forgettings, rebuilds and changes of the model, on both databases.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mood_core.domain.feature_misses import ANY_SOURCE, NO_ISRC, NO_SPOTIFY_ID, NOT_A_TRACK, UNKNOWN, rest_at
from mood_core.domain.records import FeatureMiss, Track, TrackKind, to_ms
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import (
    AUDIO_FEATURES,
    ESTIMATED_FEATURES,
    FEATURE_MISSES,
    LISTENS,
    MOODS,
    TRACKS,
    USERS,
)
from mood_core.store import Database
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.upkeep.table_digests import queues_are_right
from mood_core.usecases.batches import Batches
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.store_data import NOW, features, listens, moods, query, set_current, small_history, tracks, users

_EXACT, _ESTIMATED = ("m/1", "m/2"), ("estimated-m/1", "estimated-m/2")
_LOCAL = "spotify:local:Ada:Demo:Song:200"
_NAMES = ["t1", "t2", _LOCAL]

_WITHOUT_FEATURES = """
SELECT t.track_id FROM tracks AS t LEFT JOIN audio_features AS f USING (track_key) WHERE f.track_key IS NULL"""

_MISSES = """
SELECT t.track_id, t.kind, t.isrc, s.source, m.reason, m.last_missed_at_ms, m.misses
FROM tracks AS t JOIN feature_misses AS m USING (track_key) JOIN sources AS s USING (source_key)"""

_WITHOUT_LABEL = """
SELECT t.track_id FROM tracks AS t JOIN {table} AS f USING (track_key)
WHERE NOT EXISTS (
    SELECT 1 FROM moods AS m JOIN models AS c USING (model_key)
    WHERE m.track_key = f.track_key AND c.model_version = '{version}'
)"""
_NO_EXACT = " AND NOT EXISTS (SELECT 1 FROM audio_features AS x WHERE x.track_key = f.track_key)"


def _due(database: Database, sources: list[str], now: datetime) -> set[str]:
    """The tracks for which a source would be called, by all of their misses."""
    resting: dict[str, set[str]] = {}
    rest, earliest = rest_at(now), [to_ms(at) for at in rest_at(now).after]
    for track, kind, isrc, source, reason, at, count in query(database, _MISSES):
        is_recent = earliest[min(count, len(earliest)) - 1] < at <= to_ms(rest.until)
        if source == ANY_SOURCE and (kind != "track" or ":" in track):
            resting.setdefault(track, set()).update(sources)
        elif reason == NO_SPOTIFY_ID or (is_recent and reason != NOT_A_TRACK and not (reason == NO_ISRC and isrc)):
            resting.setdefault(track, set()).add(source)
    without = {track for (track,) in query(database, _WITHOUT_FEATURES)}
    return {track for track in without if not set(sources) <= resting.get(track, set())}


def check_queues(database: Database, now: datetime, sources: list[str]) -> None:
    """Compare the queues with reading everything."""
    with database.read() as connection:
        assert queues_are_right(connection) == {"_feature_queue": True, "_label_queue": True}
    labels, rows = MoodRows(database), FeatureRows(database)
    assert {(track.track_id,) for track in rows.tracks_without_features()} == set(query(database, _WITHOUT_FEATURES))
    due = {track.track_id for track in rows.tracks_without_features(due=(sources, now))}
    assert due == _due(database, sources, now)
    for version in (*_EXACT, *_ESTIMATED):
        is_estimated = version in _ESTIMATED
        table = "estimated_features" if is_estimated else "audio_features"
        scan = _WITHOUT_LABEL.format(table=table, version=version) + (_NO_EXACT if is_estimated else "")
        waiting = [id_ for page in labels.unlabelled(version, estimated=is_estimated) for id_ in page["track_id"]]
        assert sorted(str(id_) for id_ in waiting) == sorted(id_ for (id_,) in query(database, scan))
        assert labels.count_unlabelled(version, estimated=is_estimated) == len(waiting)


@dataclass
class _World:
    database: Database
    folder: str
    now: datetime = NOW
    chain: list[str] = field(default_factory=lambda: ["fake"])
    batches: Batches = field(init=False)

    def __post_init__(self) -> None:
        self.batches = Batches(open_lake(self.folder), self.database)

    def listens(self, user: str, track: str, minute: int) -> None:
        rows = [(user, NOW + timedelta(minutes=minute), track)]
        self.batches.add(USERS, users((user, "UTC"), recorded_at=self.now), now=self.now)
        self.batches.add(LISTENS, listens(rows), now=self.now)

    def tracks(self, track: str, isrc: str | None) -> None:
        kind = TrackKind.LOCAL if track == _LOCAL else TrackKind.TRACK
        described = Track(track, "title", ("somebody",), isrc=isrc, kind=kind)
        self.batches.add(TRACKS, to_table(TRACKS, [described]), now=self.now)

    def features(self, track: str) -> None:
        self.batches.add(AUDIO_FEATURES, features([track], self.now), now=self.now)

    def estimates(self, track: str) -> None:
        table = features([track], self.now)
        source = pa.array(["estimated:test"]).dictionary_encode()
        table = table.set_column(table.schema.get_field_index("source"), "source", source)
        self.batches.add(ESTIMATED_FEATURES, table, now=self.now)

    def labels(self, track: str, version: str) -> None:
        self.batches.add(MOODS, moods({track: "Calm"}, version, self.now), now=self.now)

    def miss(self, track: str, source: str, reason: str, days: int) -> None:
        missed = FeatureMiss(track, source, reason, self.now + timedelta(days=days))
        self.batches.add(FEATURE_MISSES, to_table(FEATURE_MISSES, [missed]), now=self.now)

    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    def sources(self, *names: str) -> None:
        self.chain = list(names)

    def current(self, version: str) -> None:
        set_current(self.database, version)

    def forget(self, user: str) -> None:
        if query(self.database, "SELECT 1 FROM users WHERE user_id = :user", user=user):
            forget_person(user, self.batches.lake, self.database, owner="test", now=self.now)

    def rebuild(self) -> None:
        rebuild(self.batches.lake, self.database, now=self.now)


_TRACK = st.sampled_from(_NAMES)
_REASON = st.sampled_from([UNKNOWN, NO_ISRC, NO_SPOTIFY_ID])
_CHANGES = st.one_of(
    st.tuples(st.just("listens"), st.sampled_from(["ada", "bob"]), _TRACK, st.integers(0, 3)),
    st.tuples(st.just("tracks"), _TRACK, st.sampled_from([None, "code"])),
    st.tuples(st.just("features"), _TRACK),
    st.tuples(st.just("estimates"), _TRACK),
    st.tuples(st.just("labels"), _TRACK, st.sampled_from([*_EXACT, *_ESTIMATED])),
    # Misses are dated by a right clock, and by one that is years ahead.
    st.tuples(
        st.just("miss"), _TRACK, st.sampled_from(["fake", "other"]), _REASON, st.sampled_from([0, 0, 0, -1, 1, 900])
    ),
    st.tuples(st.just("miss"), _TRACK, st.just(ANY_SOURCE), st.just(NOT_A_TRACK), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 30, 1000, -1000])),
    st.sampled_from([("sources", "fake"), ("sources", "fake", "other")]),
    st.tuples(st.just("current"), st.sampled_from([*_EXACT, *_ESTIMATED])),
    st.tuples(st.just("forget"), st.sampled_from(["ada", "bob"])),
    st.tuples(st.just("rebuild")),
)

_TABLES = (
    *("_feature_queue", "_label_queue", "_feature_queue_rules", "_mood_days", "_listen_totals", "_covered_listens"),
    *("_heard_tracks", "_stale_totals", "_waiting_listens", "listens", "moods", "feature_misses", "audio_features"),
    *("estimated_features", "artist_credits", "tracks", "users", "_batches", "models", "forgotten"),
)


_OF_MISSES = [
    ("tracks", "t1", "code"),
    ("miss", "t1", "fake", UNKNOWN, 0),
    ("miss", "t1", "fake", NO_ISRC, 1),  # no longer true
    ("wait", 1),
    ("miss", "t1", "fake", UNKNOWN, 0),
    ("miss", "t1", "fake", UNKNOWN, 0),
    ("sources", "fake", "other"),
    ("miss", "t1", "other", UNKNOWN, 1),
    ("wait", -1000),
    ("miss", "t1", "other", UNKNOWN, 0),
    ("wait", 1000),
    ("miss", "t2", "fake", UNKNOWN, 0),
    ("miss", "t2", "other", UNKNOWN, 0),
    ("wait", -1000),
    ("tracks", _LOCAL, None),
    ("miss", _LOCAL, ANY_SOURCE, NOT_A_TRACK, 0),
    ("rebuild",),
]
_OF_LABELS = [
    ("listens", "ada", "t1", 0),
    ("estimates", "t1"),
    ("estimates", "t2"),
    ("labels", "t1", "estimated-m/1"),
    ("features", "t1"),
    ("labels", "t1", "m/1"),
    ("labels", "t2", "m/2"),
    ("features", "t2"),
    ("current", "m/2"),
    ("labels", "t1", "m/2"),
    ("listens", "ada", _LOCAL, 0),
    ("estimates", _LOCAL),
    ("forget", "ada"),
    ("current", "estimated-m/2"),
    ("rebuild",),
]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(_CHANGES, min_size=5, max_size=15))
@example(changes=_OF_MISSES)
@example(changes=_OF_LABELS)
def test_queues_equal_reading_everything_after_any_changes(
    migrated: Database, changes: list[tuple[object, ...]]
) -> None:
    with migrated.write() as connection:
        for table in _TABLES:
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        connection.execute(text("UPDATE _cache_versions SET version = version + 1"))  # caches of keys and labels
    with tempfile.TemporaryDirectory() as folder:
        world = _World(migrated, folder)
        for kind, *values in (("current", "m/1"), ("current", "estimated-m/1"), *changes):
            change: Callable[..., None] = getattr(world, str(kind))
            change(*values)
            check_queues(migrated, world.now, world.chain)


@pytest.mark.parametrize("queue", ["_feature_queue", "_label_queue"])
def test_verify_finds_a_track_that_a_queue_lost_and_rebuild_restores_it(
    migrated: Database, tmp_path: Path, queue: str
) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    batches = small_history(lake, migrated)
    batches.add(AUDIO_FEATURES, features(["t8"]), now=NOW)
    assert verify(lake, migrated, now=NOW).findings == []
    with migrated.write() as connection:
        assert connection.execute(text(f"DELETE FROM {queue}")).rowcount  # noqa: S608
    found = verify(lake, migrated, now=NOW).findings
    assert [finding.subject for finding in found] == [queue]
    assert "moodlog rebuild" in found[0].advice
    rebuild(lake, migrated, now=NOW)
    assert verify(lake, migrated, now=NOW).findings == []


@pytest.mark.parametrize("has_model", [False, True])
def test_most_heard_tracks_come_first(migrated: Database, tmp_path: Path, has_model: bool) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    if has_model:
        set_current(migrated, "m/1")
    batches.add(TRACKS, tracks("t1", "t2", "t3"), now=NOW)
    batches.add(USERS, users(("ada", "UTC"), ("bob", "UTC")), now=NOW)
    heard: Mapping[str, int] = {"t2": 1, "t3": 3}
    rows = [("ada", NOW + timedelta(minutes=n), track) for track, count in heard.items() for n in range(count)]
    batches.add(LISTENS, listens([*rows, ("bob", NOW, "t3")]), now=NOW)
    found = FeatureRows(migrated).tracks_without_features(most_heard_first=True)
    assert [track.track_id for track in found] == ["t3", "t2", "t1"]
