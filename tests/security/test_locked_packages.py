"""Packages are those of the lock file, each with a hash, and `make audit` fails for one with a known vulnerability."""

from __future__ import annotations

import runpy
import tomllib

import pytest

from tests.sealed import ROOT


def test_every_locked_file_has_a_hash() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    others = [package for package in packages if "registry" in package["source"]]
    assert len(others) == len(packages) - 1
    for package in others:
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
        assert files, package["name"]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]


def test_the_audit_fails_for_a_package_with_an_advisory(capsys: pytest.CaptureFixture[str]) -> None:
    report = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["_report"]
    sound = {"name": "sound", "version": "1.0", "vulns": []}
    assert report([sound]) == 0
    unsafe = {"name": "unsafe", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
    assert report([sound, unsafe]) == 1
    assert "unsafe 1.0: PYSEC-1" in capsys.readouterr().out
