"""What the tests of hostile files share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in: the path of a socket may only be short, so it is made by a relative name."""
    folder = tmp_path_factory.mktemp("s")
    monkeypatch.chdir(folder)
    return folder
