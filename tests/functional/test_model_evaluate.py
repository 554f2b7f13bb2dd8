"""``moodlog evaluate``: its JSON contract, its refusals, and the paired comparison of saved models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from mood_core.classifier import bundled_folder, load_classifier
from mood_core.classifier.training import compare_models, read_labelled
from mood_core.classifier.training.promotion import Candidate
from mood_core.cli.evaluate import command
from mood_core.domain.records import FEATURES, MOODS
from mood_core.errors import InputError, ModelNotFound

SCORES = ("accuracy", "macro_f1", "log_loss", "ece", "recall")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Tracks that differ by mood in energy and acousticness, ten artists."""
    random = np.random.default_rng(1)
    rows = []
    for number in range(80):
        kind = number % 4
        row: dict[str, object] = {name: float(random.uniform(0.05, 0.4)) for name in FEATURES[:-1]}
        row |= {"energy": [0.1, 0.9, 0.7, 0.4][kind], "acousticness": [0.95, 0.01, 0.1, 0.6][kind]}
        row |= {"loudness": -9.0, "tempo": 110.0 + number, "duration_ms": 200_000, "uri": f"spotify:track:{number}"}
        rows.append({**row, "artists": f"artist {number % 10}", "mood": MOODS[kind]})
    path = tmp_path / "tracks.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


def test_a_saved_model_is_measured_without_tensorflow_being_needed_to_judge(data: Path) -> None:
    arguments = ["--data", str(data), "--model", str(bundled_folder()), "--no-baselines", "--json"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(SCORES) <= found.keys()
    assert set(found["recall"]) == set(MOODS)
    assert found["baselines"] == {}
    assert not found["protocol"]["trained_on_this_file"]
    assert np.sum(found["confusion"]) == 80


@pytest.mark.slow
@pytest.mark.keras
def test_the_recipe_and_its_baselines_come_as_one_object(data: Path) -> None:
    arguments = ["--data", str(data), "--folds", "3", "--repeats", "1", "--seed", "0", "--group-by", "artist", "--json"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert set(found["baselines"]) == {"majority", "logistic_regression", "gradient_boosting"}
    for measured in (found, *found["baselines"].values()):
        assert set(SCORES) <= measured.keys()
        assert 0 <= measured["ece"] <= 1
    assert found["accuracy"] > 0.9 > found["baselines"]["majority"]["accuracy"]
    assert found["protocol"]["group_by"] == "artist"


def test_what_is_not_there_is_said_so(data: Path, tmp_path: Path) -> None:
    absent = CliRunner().invoke(command, ["--data", str(data), "--model", str(tmp_path / "none")])
    assert isinstance(absent.exception, ModelNotFound)
    many = CliRunner().invoke(command, ["--data", str(data), "--folds", "30"])
    assert isinstance(many.exception, InputError)
    assert "give fewer folds" in many.exception.message


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (["--protocol", "public", "--model", "m", "--folds", "3", "--group-by", "source"], "--model and --folds and"),
        (["--protocol", "public", "--no-baselines", "--seed", "1"], "--seed and --baselines"),
        (["--model", "m", "--repeats", "2", "--group-by", "artist"], "--repeats and --group-by"),
        (["--group-by", "source", "--folds", "3"], "--folds"),
        (["--out", "results.json"], "--protocol public"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(data: Path, options: list[str], refused: str) -> None:
    done = CliRunner().invoke(command, ["--data", str(data), *options])
    assert done.exit_code == 2
    assert refused in done.output
    assert "leave " in done.output


def test_a_model_is_not_promoted_over_itself(data: Path) -> None:
    classifier, tracks = load_classifier(), read_labelled(data)
    same = Candidate(classifier, None)
    verdict = compare_models(same, same, tracks)
    assert (verdict.promoted, verdict.log_loss_gain, verdict.p_value) == (False, 0.0, 1.0)
