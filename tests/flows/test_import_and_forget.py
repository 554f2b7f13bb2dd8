"""The flows that import a history and forget a person, on a real Prefect server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import ParameterBindError, ParameterTypeError

from flows.server.local_server import local_server
from mood_core.app.workspace import Workspace
from tests.flows.deployed import settings_of

pytestmark = pytest.mark.prefect

ROW = {
    "ts": "2025-05-05T05:05:05Z",
    "ms_played": 200_000,
    "spotify_track_uri": "spotify:track:" + "7" * 22,
    "master_metadata_track_name": "A Song",
    "master_metadata_album_artist_name": "Some One",
    "incognito_mode": False,
}


@pytest.fixture
def server(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    with local_server(tmp_path / "prefect") as running:
        running.wait_until_ready()
        with settings_of(running):
            yield


def test_a_history_is_imported_and_forgotten_again(server: None, tmp_path: Path) -> None:
    from flows.forget_person import forget_person
    from flows.import_history import import_history

    path = tmp_path / "endsong_0.json"
    path.write_text(json.dumps([ROW, {**ROW, "ts": "2025-05-06T05:05:05Z"}]), encoding="utf-8")
    report = import_history([str(path)], "ada", timezone="Europe/Lisbon")
    assert report["rows_read"] == 2
    assert report["outcomes"]["imported"] == 2
    with Workspace() as workspace:
        assert [account.display_name for account in workspace.accounts.all()] == ["ada"]
    refusing: Any = forget_person
    for said in (dict[str, bool](), {"really": False}):
        with pytest.raises((ParameterBindError, ParameterTypeError), match="really"):
            refusing("ada", **said)
    assert forget_person("ada", really=True)["listens"] == 2
    with Workspace() as workspace:
        assert workspace.accounts.all() == []
        for dataset in ("users", "listens"):
            assert [p for p in workspace.lake.paths(dataset) if workspace.lake.read(p)[1].num_rows] == []
