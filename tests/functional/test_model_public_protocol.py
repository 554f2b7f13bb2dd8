"""The public benchmark: frozen labels, canaries, and the figures of the bundled model's card by one command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mood_core.classifier import bundled_folder
from mood_core.classifier.model_card import read_card
from mood_core.classifier.training import LabelledTracks, Recipe
from mood_core.classifier.training.evaluation import out_of_fold, recipe_fit
from mood_core.classifier.training.folds import source_folds
from mood_core.classifier.training.identity import track_keys
from mood_core.classifier.training.public_protocol import (
    canaries,
    frozen_folds,
    frozen_hashes,
    frozen_tracks,
    label_hashes,
)
from mood_core.cli.evaluate import command
from mood_core.domain.records import MOODS
from mood_core.errors import InputError

pytest.importorskip("sklearn", reason="the extra train is not installed")


def _tracks() -> LabelledTracks:
    random = np.random.default_rng(0)
    labels = np.arange(240) % 4
    matrix = random.random((240, 10)).astype(np.float32)
    matrix[:, 2] = (labels % 2) * 0.6 + 0.4 * matrix[:, 2]
    matrix[:, 8] = (labels // 2) * 0.6 + 0.4 * matrix[:, 8]
    sources = tuple("abc"[number // 80] for number in range(240))
    keys = track_keys(matrix, [f"id{number}" for number in range(240)], [None] * 240, [None] * 240)
    return LabelledTracks("t", "", MOODS, matrix, labels, None, sources=sources, keys=keys)


def test_frozen_labels_are_known_again_and_others_counted() -> None:
    tracks = _tracks()
    frozen = label_hashes(tracks)[:200]
    chosen, counts = frozen_tracks(tracks, frozen)
    assert (len(chosen), counts) == (200, {"found": 200, "absent": 0, "other": 40})
    with pytest.raises(InputError, match="public-1"):
        frozen_tracks(tracks.take(np.arange(150)), frozen)
    folds = frozen_folds(tracks)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(240))
    backwards = np.arange(240)[::-1]
    again = frozen_folds(tracks.take(backwards))
    assert all(set(backwards[one.test]) == set(other.test) for one, other in zip(again, folds, strict=True))


def test_a_sound_recipe_passes_every_canary_and_a_leak_does_not() -> None:
    tracks = _tracks()
    splits = source_folds(tracks.source_names(), tracks.recordings())
    fit = recipe_fit(Recipe())
    honest = out_of_fold(tracks, splits, fit)[0]
    sound = canaries(tracks, splits, honest, fit)
    assert all(one["passed"] for one in sound.values())
    assert all(list(one["by_curator"]) == ["a", "b", "c"] for one in sound.values())
    memory = {row.tobytes(): label for row, label in zip(tracks.matrix, tracks.labels, strict=True)}
    leaky = canaries(tracks, splits, honest, lambda _: lambda rows: np.eye(4)[[memory[row.tobytes()] for row in rows]])
    assert not leaky["permuted_labels"]["passed"]
    assert not leaky["swapped_names"]["passed"]
    blind = replace(tracks, keys=())
    found = canaries(blind, source_folds(blind.source_names(), blind.recordings()), honest, fit)
    assert not found["duplicated_rows"]["passed"]


def test_a_leak_for_one_curator_alone_is_detected() -> None:
    tracks = _tracks()
    splits = source_folds(tracks.source_names(), tracks.recordings())
    fit = recipe_fit(Recipe())
    honest = out_of_fold(tracks, splits, fit)[0]
    last = splits[-1].test
    honest[last] = np.eye(4)[tracks.labels[last]]
    found = canaries(tracks, splits, honest, fit)["swapped_names"]
    assert not found["passed"]
    assert [value > 0.01 for value in found["by_curator"].values()] == [False, False, True]


@pytest.mark.slow
@pytest.mark.keras
def test_one_command_reproduces_the_card_and_writes_results(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    data = str(shared / "data" / "moods_curators.csv")
    done = CliRunner().invoke(command, ["--data", data, "--protocol", "public", "--out", str(out)])
    assert done.exit_code == 0, done.output
    found, card = json.loads(out.read_text(encoding="utf-8")), read_card(bundled_folder())
    assert found["labels"] == {"found": len(frozen_hashes()), "absent": 0, "other": 0}
    assert all(one["passed"] for one in found["canaries"].values())
    for part, stated in (("strangers", card.metrics), ("inside", card.metrics["inside"]["mean"])):
        assert found[part]["mean"]["accuracy"] == pytest.approx(stated["accuracy"], abs=0.005)
        low, high = found[part]["interval_95"]["accuracy"]
        assert low < found[part]["mean"]["accuracy"] < high
