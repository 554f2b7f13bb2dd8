"""The pictures in the documentation are of the pages as they are now."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "screenshots.py"


def test_the_pictures_were_drawn_from_what_is_there() -> None:
    spec = importlib.util.spec_from_file_location("screenshots", _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    now = script.drawn_from()
    assert len(now) > 10
    then = json.loads(script.DRAWN_FROM.read_text(encoding="utf-8"))
    changed = sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))
    if changed:
        pytest.fail(f"changed since the pictures were taken: {', '.join(changed)}; run `make screenshots`")
