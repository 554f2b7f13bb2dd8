"""``moodlog forget`` of ``mood_core``, followed by what a Prefect server of the person's own keeps."""

from __future__ import annotations

import copy
from typing import Any

import click

from flows.server.other_server import other_server_keeps
from mood_core.cli.forget import command as _of_the_core
from mood_core.settings import load_settings
from mood_core.text.sanitise import plain


def _forget(**given: Any) -> None:
    click.get_current_context().invoke(_of_the_core, **given)
    if said := other_server_keeps(load_settings().home):
        click.echo(plain(f"{said}."), err=True)


command = copy.copy(_of_the_core)
command.callback = _forget
