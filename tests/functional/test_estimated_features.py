"""Estimated features stay apart from exact ones in SQL and lake, on both databases, until exact ones replace them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from mood_core.classifier import bundled_estimated_folder, bundled_folder, load_classifier
from mood_core.classifier.model_card import read_card
from mood_core.domain.records import MOODS as MOOD_NAMES
from mood_core.errors import ModelCardMismatch
from mood_core.lake import open_lake
from mood_core.lake.schema import AUDIO_FEATURES, ESTIMATED_FEATURES, LISTENS, TRACKS, USERS
from mood_core.lake.schema import MOODS as LABELS
from mood_core.store import Database
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.upkeep.table_digests import totals_add_up
from mood_core.usecases.batches import Batches
from mood_core.usecases.models.promote_model import install
from mood_core.usecases.models.relabel import drop_old
from mood_core.usecases.nightly.label_tracks import LabelReport, label_tracks
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.compare_rows import compare_rows
from mood_core.usecases.upkeep.rebuild import rebuild
from tests.store_data import NOW, all_digests, days_are_right, features, listens, moods, query, tracks, users

LOCAL = "spotify:local:Ada:Demo:Song:200"
EXACT, ESTIMATED = bundled_folder(), bundled_estimated_folder()
EXACT_VERSION, ESTIMATED_VERSION = read_card(EXACT).model_version, read_card(ESTIMATED).model_version


def _estimates(names: list[str], at: datetime = NOW) -> pa.Table:
    table = features(names, at)
    place = table.schema.get_field_index("source")
    source = pa.array(["estimated:test"] * len(names)).dictionary_encode()
    return table.set_column(place, table.schema.field(place), source)


def _label(database: Database, batches: Batches, folder: Path, at: datetime = NOW) -> LabelReport:
    rows = MoodRows(database)
    return label_tracks(lambda: load_classifier(folder), read_card(folder), rows, batches, now=at)


@pytest.fixture
def batches(migrated: Database, tmp_path: Path) -> Batches:
    """Two tracks with exact features, two with estimated ones (one is a local file), one without; all labelled."""
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("ada", "Europe/Berlin"), ("bob", "UTC")), now=NOW)
    batches.add(TRACKS, tracks("a", "b", "c", LOCAL, "none"), now=NOW)
    day = datetime(2026, 10, 31, 12, tzinfo=UTC)
    heard = [(who, day + timedelta(hours=7 * n), name) for who in ("ada", "bob") for n, name in enumerate("abcab")]
    batches.add(LISTENS, listens([*heard, ("ada", day, LOCAL), ("bob", day + timedelta(days=9), "none")]), now=NOW)
    batches.add(AUDIO_FEATURES, features(["a", "b"]), now=NOW)
    batches.add(ESTIMATED_FEATURES, _estimates(["c", LOCAL]), now=NOW)
    assert (_label(migrated, batches, EXACT).labelled, _label(migrated, batches, ESTIMATED).labelled) == (2, 2)
    return batches


def _shown(database: Database) -> dict[str, tuple[str, int | None, str | None]]:
    rows = query(database, "SELECT track_id, model_version, estimated, feature_source FROM _track_moods")
    return {track_id: rest for track_id, *others in rows for rest in (tuple(others),)}


def test_each_class_of_features_is_labelled_by_its_own_model(batches: Batches, migrated: Database) -> None:
    assert _shown(migrated) == {
        "a": (EXACT_VERSION, 0, "catalog"),
        "b": (EXACT_VERSION, 0, "catalog"),
        "c": (ESTIMATED_VERSION, 1, "estimated:test"),
        LOCAL: (ESTIMATED_VERSION, 1, "estimated:test"),
        "none": (EXACT_VERSION, None, None),
    }
    assert len(query(migrated, "SELECT * FROM mood_history")) == 12
    assert query(migrated, "SELECT count(*) FROM mood_history WHERE estimated = 1") == [(3,)]
    assert query(migrated, "SELECT sum(listens) FROM mood_by_hour") == [(12,)]
    assert query(migrated, "SELECT count(*) FROM unlabelled_listens") == [(1,)]
    assert dict(query(migrated, "SELECT feature_source, tracks FROM feature_coverage")) == {
        "catalog": 2,
        "estimated:test": 2,
        "none": 1,
    }
    assert days_are_right(migrated)
    assert (_label(migrated, batches, EXACT).labelled, _label(migrated, batches, ESTIMATED).labelled) == (0, 0)


def test_later_listens_of_estimated_tracks_are_counted_with_their_mood(batches: Batches, migrated: Database) -> None:
    batches.finish(now=NOW)  # counts the stale totals
    batches.add(LISTENS, listens([("bob", NOW, "c"), ("bob", NOW + timedelta(hours=1), "a")]), now=NOW)
    assert days_are_right(migrated)
    with migrated.read() as connection:
        assert totals_add_up(connection)
    covered = (
        "SELECT s.source, sum(c.listens) FROM _covered_listens AS c JOIN sources AS s USING (source_key) GROUP BY 1"
    )
    assert {source: int(count) for source, count in query(migrated, covered)} == {"catalog": 9, "estimated:test": 4}


def test_exact_features_replace_estimated_ones(batches: Batches, migrated: Database) -> None:
    assert {track.track_id for track in FeatureRows(migrated).tracks_without_features()} == {"c", LOCAL, "none"}
    batches.add(AUDIO_FEATURES, features(["c"]), now=NOW)
    assert _shown(migrated)["c"] == (EXACT_VERSION, None, None)
    assert query(migrated, "SELECT unlabelled_reason FROM _track_moods WHERE track_id = 'c'") == [("not labelled yet",)]
    assert days_are_right(migrated)
    assert _label(migrated, batches, ESTIMATED).labelled == 0
    assert _label(migrated, batches, EXACT).labelled == 1
    assert _shown(migrated)["c"] == (EXACT_VERSION, 0, "catalog")
    assert len(query(migrated, "SELECT * FROM mood_history")) == 12
    assert days_are_right(migrated)


def test_an_estimated_label_that_comes_after_exact_features_is_not_shown(batches: Batches, migrated: Database) -> None:
    late = moods({"a": "Sad", "none": "Calm"}, version=ESTIMATED_VERSION)
    batches.add(LABELS, late, now=NOW)
    assert _shown(migrated)["a"] == (EXACT_VERSION, 0, "catalog")
    assert len(query(migrated, "SELECT * FROM mood_history")) == 12
    assert days_are_right(migrated)


@pytest.mark.parametrize("replaced", [False, True])
def test_rebuild_compaction_and_verification_keep_the_classes(
    batches: Batches, migrated: Database, tmp_path: Path, replaced: bool
) -> None:
    if replaced:
        batches.add(AUDIO_FEATURES, features(["c"]), now=NOW)
        _label(migrated, batches, EXACT)
    batches.add(ESTIMATED_FEATURES, _estimates(["none"]), now=NOW)
    _label(migrated, batches, ESTIMATED)
    lake, before, shown = open_lake(str(tmp_path / "lake")), all_digests(migrated), _shown(migrated)
    assert before["estimated_features"]
    compact(lake, migrated, now=NOW + timedelta(days=40))
    assert len(lake.paths("estimated_features")) == 1
    assert compare_rows(lake, migrated, NOW, lambda *_: None) == []
    rebuild(lake, migrated, now=NOW)
    assert (all_digests(migrated), _shown(migrated)) == (before, shown)
    with migrated.write() as connection:  # as in a new database, which learns from the lake which models there are
        for statement in ("DELETE FROM moods", "DELETE FROM models"):
            connection.exec_driver_sql(statement)
    rebuild(lake, migrated, now=NOW)
    assert _shown(migrated) == shown


def test_another_model_for_exact_features_leaves_estimated_labels(
    batches: Batches, migrated: Database, tmp_path: Path
) -> None:
    batches.add(LABELS, moods(dict.fromkeys("ab", MOOD_NAMES[0]), version="other/1"), now=NOW)
    MoodRows(migrated).set_current("other/1")
    assert {shown[0] for shown in _shown(migrated).values()} == {"other/1", ESTIMATED_VERSION}
    assert drop_old(MoodRows(migrated), open_lake(str(tmp_path / "lake")), migrated) == {EXACT_VERSION: 2}
    assert _shown(migrated)["c"][0] == ESTIMATED_VERSION
    assert days_are_right(migrated)


def test_forgetting_deletes_the_estimates_of_own_local_files(
    batches: Batches, migrated: Database, tmp_path: Path
) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    forget_person("ada", lake, migrated, owner="test", now=NOW)
    assert query(migrated, "SELECT track_id FROM tracks WHERE kind = 'local' OR track_id LIKE 'spotify:local:%'") == []
    assert query(migrated, "SELECT count(*) FROM estimated_features") == [(1,)]
    for dataset in ("estimated_features", "moods", "tracks"):
        assert all(LOCAL not in lake.read(path)[1]["track_id"].to_pylist() for path in lake.paths(dataset))
    rebuild(lake, migrated, now=NOW)
    assert set(_shown(migrated)) == {"a", "b", "c", "none"}


def test_a_model_for_estimated_features_never_becomes_the_model_for_exact_ones(tmp_path: Path) -> None:
    with pytest.raises(ModelCardMismatch, match="estimated from audio"):
        install(ESTIMATED, tmp_path / "models")
    card = read_card(ESTIMATED)
    assert card.takes_estimated
    assert not read_card(EXACT).takes_estimated
    assert card.training["feature_errors"]["energy"] == 0.85
    assert "simulated errors" in " ".join(card.limits)
