"""Messages of several commands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from mood_core.app.demo_home import demo_note
from mood_core.text.hints import NOBODY
from mood_core.text.sanitise import plain

NO_ACCOUNT = f"{NOBODY[0].upper()}{NOBODY[1:]}."

NO_LISTENS = "No listens are stored yet; `moodlog run` pulls the last 50, `moodlog import FILE` reads an export."
NONE_SELECTED = "No listens are stored for these days; give an earlier --from or a later --to, or leave them out."


def echo_demo_note(home: Path) -> None:
    """Write to stderr that ``home`` is a demo's, if it is."""
    if note := demo_note(home):
        click.echo(note, err=True)


def echo_notes(notes: Iterable[str]) -> None:
    """Write ``notes`` about a file to stderr, a line each."""
    for note in notes:
        click.echo(f"note: {plain(note)}", err=True)
