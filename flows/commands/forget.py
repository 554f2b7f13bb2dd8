"""``moodlog forget`` of ``mood_core``, followed by the warning about a configured Prefect server."""

from __future__ import annotations

import copy
from typing import Any

import click

from flows.check_schedule import other_server_keeps
from mood_core.cli.forget import command as library_command
from mood_core.settings import load_settings
from mood_core.text.sanitise import plain


def _forget(**given: Any) -> None:
    click.get_current_context().invoke(library_command, **given)
    if warning := other_server_keeps(load_settings().home):
        click.echo(plain(f"{warning}."), err=True)


command = copy.copy(library_command)
command.callback = _forget
