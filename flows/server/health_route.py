"""``/health`` for monitors: the last report of ``moodlog serve``, with status 200 or 503.

It needs no password and names no person. ``moodlog serve`` writes the report file every few seconds; a missing or old
file is a problem.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flows.server.guard import with_route
from mood_core.http.loopback import App, Scope

PATH = "/health"
FILE = "health.json"
FRESH = timedelta(seconds=90)
"""The maximum age of a report: ``moodlog serve`` writes one at least every 15 s."""

_WELL = ("ok", "starting", "checking")  # the last two: something has been wrong for less than a minute


def with_health(app: App, file: Path) -> App:
    """``app`` with the route ``/health``, which answers from ``file``."""

    def respond(scope: Scope) -> tuple[int, str]:
        is_get = scope["method"] in {"GET", "HEAD"}  # uvicorn drops the body for HEAD
        status, report = health(file, datetime.now(UTC)) if is_get else (405, {"status": "method not allowed"})
        return status, json.dumps(report)

    return with_route(app, PATH, respond, content_type="application/json")


def health(file: Path, now: datetime) -> tuple[int, dict[str, Any]]:
    """The status code and the report in ``file``: 200 if it is fresh and names no problem, else 503."""
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        age = now - datetime.fromisoformat(report["checked_at"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 503, _problem("moodlog serve has not reported yet")
    if abs(age) > FRESH:
        return 503, report | _problem(f"moodlog serve has not reported for {age.total_seconds():.0f} s")
    return (200 if report.get("status") in _WELL else 503), report


def _problem(said: str) -> dict[str, Any]:
    return {"status": "problem", "problems": [said]}
