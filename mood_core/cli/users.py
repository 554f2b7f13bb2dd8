"""``moodlog users``: list and change the people whose history is stored."""

from __future__ import annotations

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT
from mood_core.cli.plain_table import plain_table, print_table
from mood_core.cli.terminal import echo_json
from mood_core.errors import InputError
from mood_core.text.format import plural
from mood_core.usecases.people.manage_users import change_user, set_paused, the_account
from mood_core.usecases.people.try_permissions import REFUSED, resume_refused

_USER = click.argument("user", metavar="ID|NAME")


@click.group
def command() -> None:
    """List, pause, resume or rename people, or set their time zone. Select a person by id or name."""


@command.command("list")
@options.as_json_lines
def list_users(as_json: bool) -> None:
    """List all people, with the state of their accounts."""
    with Workspace() as workspace:
        accounts = workspace.accounts.all()
    if as_json:
        for account in accounts:
            fields = ("user_id", "display_name", "timezone", "state", "state_reason")
            echo_json({name: getattr(account, name) for name in fields})
        return
    rows = [
        {
            "id": account.user_id,
            "person": account.display_name,
            "time zone": account.timezone,
            "state": account.state.replace("_", " "),
        }
        for account in accounts
    ]
    if rows:
        print_table(plain_table(rows))
    else:
        click.echo(NO_ACCOUNT)


@command.command
@_USER
def pause(user: str) -> None:
    """Stop pulling an account. Its history stays; listens during the pause may be lost."""
    with Workspace() as workspace:
        set_paused(the_account(workspace.accounts, user), workspace.accounts, paused=True)
    click.echo(f"{user} is paused; `moodlog users resume {user}` resumes it.", err=True)


@command.command(short_help="Resume pulling a paused account, or retry a permission.")
@_USER
def resume(user: str) -> None:
    """Resume pulling a paused account, or retry a permission that Spotify refused.

    Spotify has refused valid permissions before. moodlog retries a refused permission automatically, 1 hour, 6 hours,
    1 day, 2 days and 4 days apart. This command retries it now, until six months after consent.
    """
    from mood_core.store.loading.tombstones import half_forgotten

    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        if account.user_id in half_forgotten(workspace.database):
            raise InputError(f"{user} is being forgotten; run `moodlog forget --user {account.user_id}` to complete it")
        if account.state == REFUSED:
            resume_refused(account, workspace.try_permission, workspace.days_left)
        else:
            set_paused(account, workspace.accounts, paused=False)
    click.echo(f"{user} is pulled again.", err=True)


@command.command("drop-changed")
@_USER
def drop_changed(user: str) -> None:
    """Remove plays that were deleted or edited at their service.

    These services are ListenBrainz and Last.fm. `moodlog status` shows the number of such plays. The next pull reads
    the period again, so edited plays come back as they are there now. A play that an import of another source has
    reported too is removed as well: import those files again.

    \b
    Example:
      moodlog users drop-changed ada
    """
    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        dropped = workspace.drop_changed_plays(account)
    after = "; the next pull reads that period again: `moodlog run`" if dropped else ""
    click.echo(f"{plural(dropped, 'play')} of {account.display_name} removed{after}.", err=True)


@command.command
@_USER
@click.argument("name")
def rename(user: str, name: str) -> None:
    """Change a person's name to NAME.

    \b
    Example:
      moodlog users rename 31xyzabc Ada
    """
    with Workspace() as workspace:
        changed = change_user(
            the_account(workspace.accounts, user), workspace.batches, now=workspace.now(), display_name=name
        )
    click.echo(f"{changed.user_id} is now called {changed.display_name}.", err=True)


@command.command("set-timezone")
@_USER
@click.argument("timezone", metavar="ZONE")
def set_timezone(user: str, timezone: str) -> None:
    """Set a person's time zone to the IANA zone ZONE. Past days are counted again.

    \b
    Example:
      moodlog users set-timezone Ada Europe/Lisbon
    """
    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        changed = change_user(account, workspace.batches, now=workspace.now(), timezone=timezone)
    click.echo(f"{changed.display_name} now has the time zone {changed.timezone}.", err=True)
