"""Messages of several commands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from mood_core.app.demo_home import demo_note
from mood_core.text.sanitise import plain

NO_ACCOUNT = """No account is connected yet. One of these begins a history:
  moodlog import FILE                        data that Spotify, ListenBrainz or Last.fm sent
  moodlog connect                            an account of Spotify
  moodlog connect --from listenbrainz NAME   an account of ListenBrainz; --from lastfm for Last.fm"""
"""What helps while no person is stored."""

NO_LISTENS = "no listens are stored yet; `moodlog run` pulls the last 50, `moodlog import FILE` reads an export"
NONE_SELECTED = "no listens are stored for these days; give an earlier --from or a later --to, or leave them out"


def echo_demo_note(home: Path) -> None:
    """Write to stderr that ``home`` is a demo's, if it is."""
    if note := demo_note(home):
        click.echo(note, err=True)


def echo_notes(notes: Iterable[str]) -> None:
    """Write ``notes`` about a file to stderr, a line each."""
    for note in notes:
        click.echo(f"note: {plain(note)}", err=True)
