"""Every locked package that the image needs has a wheel for 64-bit ARM: `docker buildx` builds nothing from source."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.tags import compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

_LOCKED = tomllib.loads((Path(__file__).resolve().parents[2] / "uv.lock").read_text(encoding="utf-8"))["package"]
_IMAGE = {"python_full_version": "3.13.0", "python_version": "3.13", "sys_platform": "linux", "os_name": "posix"}
_IMAGE |= {"platform_machine": "aarch64", "platform_python_implementation": "CPython", "implementation_name": "cpython"}
# Debian's trixie, the base of the image, has glibc 2.41.
_PLATFORMS = [*(f"manylinux_2_{minor}_aarch64" for minor in range(17, 42)), "manylinux2014_aarch64"]


def test_every_package_of_the_image_has_a_wheel_for_arm() -> None:
    tags = {*cpython_tags((3, 13), platforms=_PLATFORMS), *compatible_tags((3, 13), platforms=_PLATFORMS)}
    needed = _needed("moodlog")
    assert len(needed) > 100
    missing = {
        package["name"]
        for package in needed
        if "wheels" not in package
        or not any(tags & parse_wheel_filename(wheel["url"].rsplit("/", 1)[-1])[3] for wheel in package["wheels"])
    }
    assert missing == {"moodlog"}


def _needed(root: str) -> list[dict[str, Any]]:
    """The packages of the lock that ``root`` installs on 64-bit ARM without extras and groups of its own."""
    found: dict[str, dict[str, Any]] = {}
    wanted: list[dict[str, Any]] = [{"name": root}]
    while wanted:
        one = wanted.pop()
        (package,) = (
            each
            for each in _LOCKED
            if each["name"] == one["name"] and one.get("version", each["version"]) == each["version"]
        )
        parts = [] if one["name"] in found else package.get("dependencies", [])
        for extra in one.get("extra", ()):
            parts = [*parts, *package.get("optional-dependencies", {}).get(extra, ())]
        found[one["name"]] = package
        wanted += [part for part in parts if "marker" not in part or Marker(part["marker"]).evaluate(_IMAGE)]
    return list(found.values())
