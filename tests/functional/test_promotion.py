"""A new model takes the place of the current one only if it is better, and labels of two models never mix."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.classifier import bundled_folder, load_classifier
from mood_core.classifier.model_card import read_card, write_card
from mood_core.domain.records import FEATURES, MOODS
from mood_core.errors import ModelCardMismatch
from standin import StandIn
from tests.nights import connect_listeners, contents, one_night, point_at, workspace_of


def _renamed(folder: Path, version: str, **changes: object) -> Path:
    """A copy of the bundled model under another version."""
    shutil.copytree(bundled_folder(), folder)
    write_card(dataclasses.replace(read_card(folder), version=version, **changes), folder)  # type: ignore[arg-type]
    return folder


def _labelled_file(path: Path) -> Path:
    """Tracks that the bundled model judges as they are labelled, most of the time."""
    random = np.random.default_rng(5)
    rows = random.random((400, len(FEATURES)), dtype=np.float32)
    rows[:, FEATURES.index("loudness")] = -30 * rows[:, FEATURES.index("loudness")] - 2
    rows[:, FEATURES.index("tempo")] = 60 + 120 * rows[:, FEATURES.index("tempo")]
    rows[:, FEATURES.index("duration_ms")] = 100_000 + 200_000 * rows[:, FEATURES.index("duration_ms")]
    moods = load_classifier().predict(rows).argmax(axis=1)
    lines = [",".join(["id", *FEATURES, "mood"])]
    lines += [
        ",".join([f"{index:022d}", *(f"{value:.6f}" for value in row), MOODS[mood]])
        for index, (row, mood) in enumerate(zip(rows, moods, strict=True))
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_forced_promotion_labels_everything_again_and_keeps_the_old_labels(
    home: Path, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        before = contents(workspace)["moods"]
    done = CliRunner().invoke(main, ["promote", str(_renamed(tmp_path / "next", "next")), "--force"])
    assert done.exit_code == 0, done.output
    with workspace_of(standin) as workspace:
        assert workspace.model_card.model_version == "playlist-moods/next"
        report = one_night(workspace)
        assert report.labels is not None
        assert report.labels.labelled == sum(row[1] is not None for row in before)
        assert workspace.mood_rows.current_version() == "playlist-moods/next"
        assert contents(workspace)["moods"] == before
        with workspace.database.read() as connection:
            kept = connection.exec_driver_sql("SELECT count(DISTINCT model_key) FROM moods").scalar()
    assert kept == 2


@pytest.mark.keras
def test_a_model_that_is_not_better_is_not_promoted(home: Path, tmp_path: Path) -> None:
    same = _renamed(tmp_path / "same", "same")
    data = _labelled_file(tmp_path / "labelled.csv")
    done = CliRunner().invoke(main, ["promote", str(same), "--data", str(data), "--json"])
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["promoted"]) == (1, False)
    assert answer["comparison"]["log_loss_gain"] == 0
    with Workspace() as workspace:
        assert workspace.model_folder == bundled_folder()


def test_promotion_wants_a_comparison_or_force(home: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["promote", str(_renamed(tmp_path / "next", "next"))])
    assert done.exit_code == 2
    assert "--data" in done.output


def test_a_model_whose_moods_mean_something_else_is_promoted_only_if_that_is_accepted(
    home: Path, tmp_path: Path
) -> None:
    metrics = read_card(bundled_folder()).metrics
    calm = metrics["moods"]["Calm"] | {"instrumental": 0.98}
    changed = {**metrics, "moods": {**metrics["moods"], "Calm": calm}}
    moved = _renamed(tmp_path / "moved", "moved", metrics=changed)
    refused = CliRunner().invoke(main, ["promote", str(moved), "--force"])
    assert refused.exit_code == 2
    assert "some moods mean something else" in refused.output
    assert "Calm: instrumental 43% -> 98%" in refused.output
    assert not (home / "models").exists()
    done = CliRunner().invoke(main, ["promote", str(moved), "--force", "--accept-changed-moods", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["changed_moods"] == {"Calm": "instrumental 43% -> 98%"}


def test_other_weights_under_the_current_models_name_are_not_promoted(home: Path, tmp_path: Path) -> None:
    current = read_card(bundled_folder())
    same_version = _renamed(tmp_path / "same_version", current.version, weights_sha256="0" * 64)
    refused = CliRunner().invoke(main, ["promote", str(same_version), "--force"])
    assert refused.exit_code == 2
    assert f"is called {current.model_version} like the current model" in refused.output
    assert not (home / "models").exists()


def test_another_model_of_the_same_name_may_not_label(
    home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        connect_listeners(workspace, standin)
        one_night(workspace)
        before = contents(workspace)
        with pytest.raises(ModelCardMismatch, match="also called playlist-moods/2"):
            workspace.mood_rows.recognise("playlist-moods/2", "0" * 64)
        assert contents(workspace) == before
