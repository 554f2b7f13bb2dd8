"""A model is never measured, or promoted, on tracks it was trained on, whatever file they come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyarrow import Table, csv

from flows.cli import main
from mood_core.classifier import load_classifier
from mood_core.classifier.training import compare_models, read_labelled, train_model
from mood_core.cli.evaluate import command as evaluate
from mood_core.errors import InputError
from mood_core.usecases.models.promote_model import candidate
from tests.labelled_tracks import made_up_tracks

pytestmark = [pytest.mark.slow, pytest.mark.keras]


def _train(data: Path, models: Path, name: str) -> Path:
    return train_model(data, models, name=name, folds=3, repeats=1, baselines=False)


def _part(data: Path, path: Path, *rows: slice, **renamed: object) -> Path:
    table = [row | renamed for part in rows for row in csv.read_csv(data).to_pylist()[part]]
    csv.write_csv(Table.from_pylist(table), path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of one recipe: ``small`` of 60 tracks of ``all.csv``, ``large`` of all 120."""
    folder = tmp_path_factory.mktemp("overlap")
    data = made_up_tracks(folder / "all.csv")
    _train(_part(data, folder / "half.csv", slice(0, 60)), folder, "small")
    _train(data, folder, "large")
    return folder


def test_of_a_training_file_with_one_more_row_under_other_ids_only_this_row_is_measured(
    folder: Path, tmp_path: Path
) -> None:
    known = csv.read_csv(folder / "all.csv").to_pylist()
    more = csv.read_csv(made_up_tracks(tmp_path / "more.csv", seed=1)).to_pylist()
    almost = tmp_path / "almost.csv"
    csv.write_csv(Table.from_pylist([row | {"id": "another"} for row in (*known, more[0])]), almost)
    arguments = ["--data", str(almost), "--model", str(folder / "large" / "1"), "--json"]
    found = json.loads((done := CliRunner().invoke(evaluate, arguments)).stdout)
    assert sum(map(sum, found["confusion"])) == 1
    assert (found["protocol"]["trained_on_this_file"], found["protocol"]["seen_tracks"]) == (True, 120)
    assert "120 of 121 tracks are left out" in done.stderr
    assert "1 new track cannot measure it well" in done.stderr


def test_a_training_file_less_one_row_does_not_measure_the_model(folder: Path, tmp_path: Path) -> None:
    almost = _part(folder / "all.csv", tmp_path / "almost.csv", slice(1, None))
    refused = CliRunner().invoke(evaluate, ["--data", str(almost), "--model", str(folder / "large" / "1")])
    assert isinstance(refused.exception, InputError)
    assert "was trained on all 119 tracks in almost.csv" in refused.exception.message


def test_only_the_tracks_that_the_model_has_not_seen_are_measured(folder: Path) -> None:
    arguments = ["--data", str(folder / "all.csv"), "--model", str(folder / "small" / "1"), "--json"]
    found = json.loads((done := CliRunner().invoke(evaluate, arguments)).stdout)
    assert sum(map(sum, found["confusion"])) == 60
    assert found["protocol"]["seen_tracks"] == 60
    assert "60 of 120 tracks are left out" in done.stderr


def test_a_model_of_the_same_recipe_and_more_tracks_is_compared_on_those_new_to_the_current_one(folder: Path) -> None:
    small, large = (candidate(load_classifier(folder / name / "1"), folder / name / "1") for name in ("small", "large"))
    tracks = read_labelled(folder / "all.csv")
    test = compare_models(large, small, tracks)
    assert (test.tracks, test.left_out) == (60, 60)
    assert test.log_loss_gain > 0
    with pytest.raises(InputError, match="only 0 of the 120 tracks"):
        compare_models(small, large, tracks)


def test_promote_does_not_let_a_model_win_on_its_own_training_tracks(
    folder: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_MODEL", str(folder / "small" / "1"))
    some = _part(folder / "all.csv", tmp_path / "some.csv", slice(10, 110))
    done = CliRunner().invoke(main, ["promote", str(folder / "large" / "1"), "--data", str(some)])
    assert done.exit_code == 2
    assert "new to the models" in done.output
    assert "give --data" in done.output
