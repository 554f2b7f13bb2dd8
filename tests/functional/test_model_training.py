"""Training through the command line: what it writes loads, repeats and agrees with itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mood_core.classifier import bundled_folder, load_classifier
from mood_core.classifier.model_card import read_card
from mood_core.classifier.training import train_model
from mood_core.cli.evaluate import command as evaluate
from mood_core.cli.train import command as train
from mood_core.domain.records import FEATURES
from mood_core.domain.vectors import FEATURE_RANGES
from mood_core.errors import InputError, ModelError
from tests.labelled_tracks import made_up_tracks


def _extreme_rows(rows: int) -> np.ndarray:
    """Anywhere in the legal ranges, at their ends, far outside them, and with missing durations."""
    random = np.random.default_rng(0)
    low = np.array([FEATURE_RANGES[name].minimum for name in FEATURES])
    high = np.array([FEATURE_RANGES[name].maximum for name in FEATURES])
    matrix = low + random.random((rows, len(FEATURES))) * (high - low)
    matrix[:, -1] = random.lognormal(12.2, 0.5, rows)
    ends = random.random(matrix.shape) < 0.1
    matrix = np.where(ends, np.where(random.random(matrix.shape) < 0.5, low, high), matrix)
    matrix[: rows // 20] *= random.choice([-10.0, 10.0, 1_000.0], (rows // 20, 1))
    matrix[::3, -1] = np.nan
    return matrix.astype(np.float32)


def test_labelling_imports_neither_tensorflow_nor_keras_nor_pandas() -> None:
    code = (
        "import sys, numpy as np; from mood_core.classifier import load_classifier; c = load_classifier();"
        "c.predict(np.full((3, 10), 0.5, np.float32));"
        "print(sorted({'tensorflow', 'keras', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for command, extra in ((train, ["--out", str(tmp_path)]), (evaluate, [])):
        result = CliRunner().invoke(command, ["--data", "x.csv", *extra])
        assert isinstance(result.exception, ModelError)
        assert "uv sync --inexact --extra train" in result.exception.message


@pytest.mark.slow
@pytest.mark.keras
def test_litert_equals_the_saved_model_on_random_and_extreme_rows() -> None:
    matrix = _extreme_rows(100_000)
    litert = load_classifier(runtime="litert").predict(matrix)
    truth = load_classifier(runtime="keras").predict(matrix)
    assert np.abs(litert - truth).max() <= 2e-6
    assert (litert.argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.9999


@pytest.mark.slow
@pytest.mark.keras
def test_a_trained_model_repeats_loads_and_is_described(tmp_path: Path) -> None:
    data = made_up_tracks(tmp_path / "made_up.csv")
    first, second = (
        train_model(data, tmp_path / "models", folds=3, repeats=1, seed=4, baselines=False) for _ in range(2)
    )
    assert (first.name, second.name) == ("1", "2")
    card = read_card(first)
    assert card.weights_sha256 == read_card(second).weights_sha256
    other = train_model(data, tmp_path / "models", folds=3, repeats=1, seed=5, baselines=False)
    assert card.weights_sha256 == read_card(other).weights_sha256  # the fit is convex: the seed decides only the folds
    assert {path.name for path in first.iterdir()} == {
        *("model.keras", "model.tflite", "golden.json", "model_card.json", "model_card.md", "trained_on.bin"),
        *("confusion.png", "reliability.png", "coverage.png", "features.png"),
    }
    assert card.metrics["accuracy"] > 0.7
    text = (first / "model_card.md").read_text(encoding="utf-8")
    assert card.training["sha256"] in text
    assert read_card(second).metrics["changed_moods"] == {"since": "my-moods/1", "moods": {}}
    assert "They mean the same as in my-moods/1." in (second / "model_card.md").read_text(encoding="utf-8")
    assert "health" in text
    matrix = _extreme_rows(1_000)
    litert, truth = (load_classifier(first, runtime).predict(matrix) for runtime in ("litert", "keras"))
    np.testing.assert_allclose(litert, truth, atol=2e-6)


@pytest.mark.slow
@pytest.mark.keras
def test_a_swapped_file_of_another_training_is_refused(tmp_path: Path) -> None:
    data = made_up_tracks(tmp_path / "made_up.csv")
    folder = train_model(data, tmp_path / "models", folds=3, repeats=1, baselines=False)
    (folder / "model.tflite").write_bytes((bundled_folder() / "model.tflite").read_bytes())
    with pytest.raises(ModelError, match="not the file that was trained"):
        load_classifier(folder)
    with pytest.raises(InputError, match="exists already"):
        train_model(data, tmp_path / "models", version="1")


@pytest.mark.slow
@pytest.mark.keras
def test_a_litert_model_that_is_gone_is_replaced_by_the_saved_model(tmp_path: Path) -> None:
    data = made_up_tracks(tmp_path / "made_up.csv", durations=False)
    folder = train_model(data, tmp_path / "models", folds=3, repeats=1, baselines=False)
    expected = load_classifier(folder).predict(_extreme_rows(50))
    (folder / "model.tflite").unlink()
    classifier = load_classifier(folder)
    assert classifier.runtime == "keras"
    np.testing.assert_allclose(classifier.predict(_extreme_rows(50)), expected, atol=2e-6)


@pytest.mark.slow
@pytest.mark.keras
def test_other_label_sets_are_trained_and_measured_but_do_not_label(tmp_path: Path) -> None:
    data = made_up_tracks(tmp_path / "uses.csv", ("focus", "party", "sleep"))
    folder = train_model(data, tmp_path / "models", name="uses", folds=3, repeats=1, baselines=False)
    with pytest.raises(ModelError, match="focus, party, sleep"):
        load_classifier(folder)
    more = made_up_tracks(tmp_path / "more.csv", ("focus", "party", "sleep"), seed=1)
    result = CliRunner().invoke(evaluate, ["--data", str(more), "--model", str(folder), "--no-baselines", "--json"])
    assert result.exit_code == 0
    assert set(json.loads(result.stdout)["recall"]) == {"focus", "party", "sleep"}


@pytest.mark.slow
@pytest.mark.keras
def test_training_reads_no_other_data_than_the_file_given(tmp_path: Path) -> None:
    data = made_up_tracks(tmp_path / "made_up.csv")
    code = (
        "import sys; from pathlib import Path; opened = set()\n"
        "sys.addaudithook(lambda e, a: opened.add(str(a[0])) if e == 'open' else None)\n"
        "from mood_core.classifier.training import train_model\n"
        "train_model(Path(sys.argv[1]), Path(sys.argv[2]), folds=2, repeats=1, baselines=False)\n"
        "kinds = ('.csv', '.parquet', '.arrow', '.feather', '.tsv')\n"
        "print(sorted(p for p in opened if p.endswith(kinds) and 'site-packages' not in p))\n"
        "print([p for p in opened if '/shared/' in p or ('saved_models' in p and not p.endswith('model_card.json'))])\n"
    )
    arguments = [sys.executable, "-c", code, str(data), str(tmp_path / "models")]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert set(eval(run.stdout.splitlines()[0])) <= {str(data)}  # noqa: S307 - a list that the line above printed
    assert run.stdout.splitlines()[1] == "[]"
