"""``moodlog keys``: manage the key that encrypts tokens at rest."""

from __future__ import annotations

import click

from mood_core.app.workspace import Workspace
from mood_core.errors import ConfigError
from mood_core.files.private import no_core_dumps
from mood_core.spotify.key_file import read_keys, write_keys
from mood_core.spotify.tokens import TokenCipher
from mood_core.usecases.upkeep.rotate_keys import reencrypt


@click.group
def command() -> None:
    """Manage the key that encrypts people's tokens."""


@command.command(short_help="Make a new key and encrypt every token with it.")
def rotate() -> None:
    """Make a new key, encrypt every stored token with it, and delete the old keys.

    Safe to rerun after a crash: the old keys stay in HOME/token.key until every token has the new key. With
    MOODLOG_TOKEN_KEY set, add a new key before the old ones there, separated by a comma, run this command, and then
    remove the old ones.
    """
    no_core_dumps()
    with Workspace() as workspace:
        path, given = workspace.settings.token_key_file, workspace.settings.token_key
        keys = [TokenCipher.generate_key(), *read_keys(path)] if given is None else []
        if given is None:
            write_keys(path, keys)
        elif "," not in given.get_secret_value():
            raise ConfigError("MOODLOG_TOKEN_KEY has only one key; add a new key and a comma before it, and run again")
        done = reencrypt(workspace.tokens, workspace.cipher.rotate)
        if given is None:
            write_keys(path, keys[:1])
    click.echo(f"{done} tokens have the new key.", err=True)
