"""Fixtures that every tier of tests uses."""

from pathlib import Path

import pytest

from tests.shared_folder import SHARED


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of labelled tracks and API descriptions; skips where it is absent."""
    if SHARED is None:
        pytest.skip("the folder of shared material is not beside this checkout")
    return SHARED
