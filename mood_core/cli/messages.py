"""Messages of several commands."""

from __future__ import annotations

from collections.abc import Iterable

import click

from mood_core.text.sanitise import plain

NO_ACCOUNT = (
    "No account is connected yet; `moodlog connect` connects one, `moodlog import` reads the data that Spotify sends."
)


def echo_notes(notes: Iterable[str]) -> None:
    """Write ``notes`` about a file to stderr, a line each."""
    for note in notes:
        click.echo(f"note: {plain(note)}", err=True)
