"""``moodlog users``: list and change the people whose history is stored."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT
from mood_core.cli.person_names import complete_person
from mood_core.cli.plain_table import plain_table, print_table
from mood_core.cli.status_sections import state_in_words
from mood_core.cli.terminal import echo_json
from mood_core.errors import InputError
from mood_core.store.queries.accounts import Account, Accounts
from mood_core.text.format import plural
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import change_user, set_paused, the_account
from mood_core.usecases.people.try_permissions import REFUSED, resume_refused

_USER = click.argument("user", metavar="ID|NAME", shell_complete=complete_person)


@click.group
def command() -> None:
    """List, pause, resume or rename people, or set their time zone. Select a person by id or name."""


@command.command("list")
@options.as_json_lines
@options.most_people
@click.option("--prefix", metavar="LETTERS", default="", help="List only people whose name begins so.")
def list_users(as_json: bool, limit: int | None, prefix: str) -> None:
    """List people by name, with the state of their accounts.

    A table has the first 100 people, --json has all of them.

    \b
    Examples:
      moodlog users list --prefix Ad
      moodlog users list --json | jq -r .user_id
    """
    most = limit if limit is not None else 0 if as_json else options.PEOPLE_SHOWN
    with Workspace() as workspace:
        if as_json:
            for account in _listed(workspace.accounts, most, prefix):
                fields = ("user_id", "display_name", "timezone", "state", "state_reason")
                echo_json({name: getattr(account, name) for name in fields})
            return
        accounts = list(_listed(workspace.accounts, most and most + 1, prefix))
    is_cut = 0 < most < len(accounts)
    accounts = accounts[:most] if is_cut else accounts
    rows = [
        {
            "id": account.user_id,
            "person": account.display_name,
            "time zone": account.timezone,
            "state": state_in_words(account.state, account.state_reason),
        }
        for account in accounts
    ]
    if rows:
        print_table(plain_table(rows))
    else:
        click.echo(f"No name begins with {prefix!r}." if prefix else NO_ACCOUNT)
    if is_cut:
        click.echo(
            f"These are the first {most} people by name; --prefix LETTERS, --limit N and --json list others.", err=True
        )


def _listed(accounts: Accounts, most: int, prefix: str) -> Iterator[Account]:
    """Up to ``most`` people by name, of those whose name begins with ``prefix``; all for 0."""
    return islice(accounts.pages(prefix), most or None)


@command.command
@_USER
def pause(user: str) -> None:
    """Stop pulling an account. Its history stays; listens during the pause may be lost."""
    with Workspace() as workspace:
        set_paused(the_account(workspace.accounts, user), workspace.accounts, paused=True)
    click.echo(plain(f"{user} is paused; `moodlog users resume {user}` resumes it."), err=True)


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
    click.echo(plain(f"{user} is pulled again."), err=True)


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
    click.echo(plain(f"{plural(dropped, 'play')} of {account.display_name} removed{after}."), err=True)


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
    click.echo(plain(f"{changed.user_id} is now called {changed.display_name}."), err=True)


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
    click.echo(plain(f"{changed.display_name} now has the time zone {changed.timezone}."), err=True)
