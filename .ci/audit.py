"""Looks every locked dependency up in the Python advisories by pip-audit. Exit code 1 where one is known to be unsafe.

If the advisories cannot be reached, it says so and exits with 0, so that work can continue.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

IGNORED: dict[str, str] = {}
"""Advisories that do not touch moodlog, each with the reason why."""

_PIP_AUDIT = ("tool", "run", "--quiet", "pip-audit>=2.9,<3", "--disable-pip", "--require-hashes", "--format", "json")
_WANTED = ("--all-extras", "--all-groups", "--no-emit-project", "--no-annotate", "--no-header")
_EXPORT = ("export", "--quiet", "--frozen", *_WANTED)


def main(uv: str) -> int:
    """Audit what ``uv.lock`` holds; returns the exit code."""
    locked = subprocess.run([uv, *_EXPORT], check=True, capture_output=True, text=True).stdout  # noqa: S603 - our words
    first = re.split(r"\n(?=\S)", locked, maxsplit=1)[0]
    if not any("vulns" in each for each in _audited(uv, first)):
        print("audit: not done, the advisories cannot be reached from here")
        return 0
    return _report(_audited(uv, locked))


def _audited(uv: str, requirements: str) -> list[dict[str, Any]]:
    """What pip-audit knows of each of the ``requirements``; empty if it cannot know."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(f"{requirements}\n", encoding="utf-8")
        command = [uv, *_PIP_AUDIT, "--progress-spinner", "off", "--requirement", str(file)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our words
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return []
    return found


def _report(found: list[dict[str, Any]]) -> int:
    unsafe = [(each, one) for each in found for one in each.get("vulns", ()) if one["id"] not in IGNORED]
    for each, one in unsafe:
        print(f"audit: {each['name']} {each['version']}: {one['id']}, mended in {', '.join(one['fix_versions'])}")
    print(f"audit: {len(unsafe)} known to be unsafe of {sum('vulns' in each for each in found)} packages looked up")
    return 1 if unsafe else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
