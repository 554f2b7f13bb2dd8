"""``moodlog verify``, ``compact``, ``rebuild`` and ``relabel`` as a person or a script calls them."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.classifier import bundled_folder
from mood_core.classifier.model_card import read_card, write_card
from tests.store_data import small_history


@pytest.fixture
def filled(home: Path) -> Path:
    with Workspace() as workspace:
        small_history(workspace.lake, workspace.database)
    return home


def _run(*arguments: str, code: int = 0) -> Any:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result


def test_verify_compact_and_rebuild_say_what_they_did(filled: Path) -> None:
    found = json.loads(_run("verify", "--deep", "--json").stdout)
    assert (found["ok"], found["findings"], found["deep"]) == (True, [], True)
    merged = json.loads(_run("compact", "--json").stdout)
    assert merged["files_before"] > merged["files_after"] > 0
    assert "nothing to merge" in _run("compact").stdout
    rebuilt = json.loads(_run("rebuild", "--json").stdout)
    assert rebuilt["rows"] > 96
    assert rebuilt["skipped"] == []
    assert "agree" in _run("verify").stdout


def test_a_missing_file_is_one_clear_line_and_an_exit_code(filled: Path) -> None:
    path = min((filled / "lake" / "listens").glob("*/*.parquet"))
    path.unlink()
    assert path.name in _run("verify", code=1).stdout
    failed = _run("rebuild", code=1)
    assert failed.stdout == ""
    assert path.name in failed.stderr
    assert "--skip-damaged" in failed.stderr
    assert path.name in _run("rebuild", "--skip-damaged").stdout


def test_a_month_is_a_month() -> None:
    assert "YYYY-MM" in _run("compact", "--before", "2026-13", code=2).stderr


def test_relabel_by_the_bundled_model_reports_the_agreement_and_drops_the_old(filled: Path) -> None:
    report = json.loads(_run("relabel", "--drop-old", "--json").stdout)
    assert report["labelled"] == 6
    assert report["agreement"]["old_version"] == "m/1"
    assert report["agreement"]["tracks"] == 6
    assert report["dropped"] == {"m/1": 6}
    assert "agree" in _run("verify", "--deep").stdout
    assert "0 tracks labelled" in _run("relabel").stdout


def test_later_runs_go_on_with_the_model_that_labelled_again(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    shutil.copytree(bundled_folder(), other)
    write_card(dataclasses.replace(read_card(other), version="other"), other)
    monkeypatch.setenv("MOODLOG_MODEL", str(bundled_folder()))
    kept = _run("relabel", "--model", str(other))
    assert "MOODLOG_MODEL is" in kept.stderr
    with Workspace() as workspace:
        assert workspace.model_card.version != "other"
    monkeypatch.delenv("MOODLOG_MODEL")
    assert _run("relabel", "--model", str(other)).stderr.strip() == ""
    with Workspace() as workspace:
        assert workspace.model_card.version == "other"
        assert workspace.mood_rows.current_version() == workspace.model_card.model_version
