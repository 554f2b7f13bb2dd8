"""Labels of several curators: equal weight, masks, soft labels, and no recording on both sides of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyarrow import Table, csv

from mood_core.classifier.training import LabelledTracks, read_labelled
from mood_core.classifier.training.curators import agreement, meanings
from mood_core.classifier.training.evaluation import evaluate_recipe, make_splits
from mood_core.classifier.training.identity import all_hashes, known_rows, same_recordings
from mood_core.classifier.training.measured import full_sources
from mood_core.classifier.training.model import balanced_weights
from mood_core.domain.records import FEATURES, MOODS
from mood_core.errors import InputError

pytest.importorskip("sklearn", reason="the extra train is not installed")


def _row(number: int, source: str, mood: str, **more: object) -> dict[str, object]:
    kind = MOODS.index(mood)
    random = np.random.default_rng(number)
    row: dict[str, object] = {name: float(random.uniform(0.05, 0.4)) for name in FEATURES[:-1]}
    row |= {"energy": (kind % 2) * 0.6 + random.uniform(0, 0.3), "valence": (kind // 2) * 0.6 + random.uniform(0, 0.3)}
    row |= {"loudness": -8.0 - random.uniform(0, 3), "tempo": 90.0 + number / 4, "duration_ms": 200_000 + number}
    row |= {"id": f"{number:022d}", "isrc": None, "artist": f"artist {number % 11}", "source": source, "mood": mood}
    return row | more


def _rows() -> list[dict[str, object]]:
    rows = [_row(number, "abc"[number % 3], MOODS[number % 4]) for number in range(120)]
    return rows + [_row(200 + number, "happy or sad", MOODS[2 + number % 2]) for number in range(30)]


def _read(rows: list[dict[str, object]], folder: Path) -> LabelledTracks:
    csv.write_csv(Table.from_pylist(rows), folder / "curators.csv")
    return read_labelled(folder / "curators.csv")


def test_every_mood_of_every_source_weighs_the_same_and_absent_moods_are_masked(tmp_path: Path) -> None:
    tracks = _read([*_rows(), *(_row(300 + n, "a", "Sad") for n in range(40))], tmp_path)
    weights, sources = balanced_weights(tracks), tracks.source_names()
    cells = {(s, m): weights[(sources == s) & (tracks.labels == m)].sum() for s in set(sources) for m in range(4)}
    present = [value for value in cells.values() if value]
    assert len(present) == 14
    assert present == pytest.approx([1 / 14] * 14)
    assert tracks.allowed()[sources == "happy or sad"][0].tolist() == [False, False, True, True]
    assert full_sources(tracks) == ["a", "b", "c"]


def test_the_same_track_is_never_on_both_sides_whatever_names_it(tmp_path: Path) -> None:
    rows = _rows()
    by_id = _row(400, "b", "Calm", id=rows[0]["id"])
    by_isrc = [_row(401, "a", "Calm", isrc="GBAYE0601498"), _row(402, "c", "Sad", isrc="GBAYE0601498")]
    by_features = {**rows[3], "source": "b", "id": f"{999:022d}", "duration_ms": 1_000_000}
    tracks = _read([*rows, by_id, *by_isrc, by_features], tmp_path)
    recordings = tracks.recordings()
    assert recordings[150] == recordings[0]
    assert recordings[151] == recordings[152]
    assert recordings[153] == recordings[3]
    for group_by in ("source", "artist", None):
        for split in make_splits(tracks, 5, 1, 0, group_by):
            assert not set(recordings[split.train]) & set(recordings[split.test]), group_by
            assert len(split.train)
    artists = np.array(tracks.artists)
    for split in make_splits(tracks, 5, 1, 0, "artist"):
        assert not set(artists[split.train]) & set(artists[split.test])


def test_leaving_a_source_out_needs_two_of_them(tmp_path: Path) -> None:
    tracks = _read([row for row in _rows() if row["source"] == "a"], tmp_path)
    with pytest.raises(InputError, match="column `source`"):
        evaluate_recipe(tracks, group_by="source")


def test_strangers_are_measured_by_source_and_on_average(tmp_path: Path) -> None:
    found = evaluate_recipe(_read(_rows(), tmp_path), group_by="source").as_json()
    assert set(found["by_source"]) == {"a", "b", "c", "happy or sad"}
    full = [found["by_source"][name] for name in "abc"]
    for name in ("accuracy", "balanced_accuracy", "log_loss", "ece", "wrong_and_confident"):
        values = [one[name] for one in full]
        assert found[name] == pytest.approx(np.mean(values))
        assert found["standard_errors"][name] == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
    assert found["accuracy"] > 0.7
    assert set(found["by_source"]["happy or sad"]["recall"]) == {"Happy", "Sad"}
    assert found["protocol"]["sources"] == ["a", "b", "c"]


def test_a_feature_that_a_whole_source_lacks_costs_none_of_its_rows(tmp_path: Path) -> None:
    rows = [{**row, "liveness": None} if row["source"] == "b" else row for row in _rows()]
    rows[0]["liveness"] = None
    tracks = _read(rows, tmp_path)
    assert len(tracks) == 149
    assert "the source 'b' has no liveness" in " ".join(tracks.notes)
    assert "liveness is missing" in " ".join(tracks.notes)


def test_curators_agreement_and_meanings_are_counted(tmp_path: Path) -> None:
    rows = _rows()
    again = [{**rows[0], "source": "b"}, {**rows[3], "source": "b", "mood": "Calm"}]
    tracks = _read([*rows, *again], tmp_path)
    assert agreement(tracks) == {"pairs": 2, "share": 0.5}
    assert meanings(tracks)["a"]["Calm"]["instrumental"] == 0.0


def test_tracks_are_known_again_by_id_isrc_or_features_from_any_file() -> None:
    keys = (("id:1", "features:a"), ("id:2", "features:b"), ("isrc:x", "features:c"), ("recording:k", "features:d"))
    hashes = all_hashes(keys)
    others = (("id:1", "features:z"), ("id:9", "features:b"), ("isrc:x", "features:y"), ("recording:k", "features:q"))
    assert known_rows(others, hashes).tolist() == [True, True, True, False]
    assert same_recordings((*keys, ("id:2", "isrc:x", "features:w"))).tolist() == [0, 1, 1, 3, 1]
