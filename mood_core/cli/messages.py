"""Messages of several commands."""

from __future__ import annotations

from collections.abc import Iterable

import click

from mood_core.text.hints import NOBODY
from mood_core.text.sanitise import plain

NO_ACCOUNT = f"{NOBODY[0].upper()}{NOBODY[1:]}."

NO_LISTENS = "No listens are stored yet; `moodlog run` pulls the last 50, `moodlog import FILE` reads an export."
NONE_SELECTED = "No listens are stored for these days; give an earlier --from or a later --to, or leave them out."


def echo_notes(notes: Iterable[str]) -> None:
    """Write ``notes`` about a file to stderr, a line each."""
    for note in notes:
        click.echo(f"note: {plain(note)}", err=True)
