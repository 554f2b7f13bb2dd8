"""What a person should know about a file that is used: on stderr, once."""

from __future__ import annotations

from collections.abc import Iterable

import click

from mood_core.text.sanitise import plain


def tell_notes(notes: Iterable[str]) -> None:
    """Write ``notes`` to stderr, a line each."""
    for note in notes:
        click.echo(f"note: {plain(note)}", err=True)
