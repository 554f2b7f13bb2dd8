"""``moodlog forget`` of ``mood_core``, followed by what it does not change: another Prefect server, serve's output."""

from __future__ import annotations

import copy
from typing import Any

import click

from flows.check_schedule import has_served, other_server_keeps
from mood_core.cli.forget import command as library_command
from mood_core.settings import load_settings
from mood_core.text.sanitise import plain

_OUTPUT = (
    "The earlier output of moodlog serve may name them, and is not changed: delete it where it is kept, for example in"
    " systemd's journal."
)


def _forget(**given: Any) -> None:
    click.get_current_context().invoke(library_command, **given)
    home = load_settings().home
    if warning := other_server_keeps(home):
        click.echo(plain(f"{warning}."), err=True)
    if has_served(home):
        click.echo(_OUTPUT, err=True)


command = copy.copy(library_command)
command.callback = _forget
