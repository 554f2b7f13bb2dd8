"""Marks the home of ``moodlog demo``, so that nobody takes its invented data for their own."""

from __future__ import annotations

import shlex
from pathlib import Path

_FILE = "DEMO.txt"
_TEXT = "This folder belongs to `moodlog demo`: the people in it, their listens and moods are invented.\n"


def mark_demo_home(home: Path) -> None:
    """Create and mark ``home``, unless somebody's database is in it already."""
    from mood_core.app.parts import make_home

    make_home(home)
    if not (home / "moodlog.db").exists():
        (home / _FILE).write_text(_TEXT, encoding="utf-8")


def demo_note(home: Path) -> str | None:
    """What to say of ``home`` if it is a demo's."""
    if not (home / _FILE).exists():
        return None
    return (
        f"{home} is the home of a demo: its people and listens are invented, and `moodlog demo --home"
        f" {shlex.quote(str(home))}` adds new ones. Without MOODLOG_HOME, commands show your own data."
    )
