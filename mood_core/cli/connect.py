"""``moodlog connect`` and ``moodlog reconnect``: get a person's consent and pull once."""

from __future__ import annotations

import sys
import webbrowser
from urllib.parse import parse_qsl, urlsplit

import click
from rich.console import Console

from mood_core.app.parts import machine_zone
from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.errors import ConfigError
from mood_core.spotify.authorise import TIMEOUT_S, authorise, authorise_by_hand
from mood_core.spotify.tokens import Token
from mood_core.store.queries.time_zones import zone
from mood_core.usecases.people.manage_users import the_account

_NO_BROWSER = click.option(
    "--no-browser", is_flag=True, help="Print the address and read the pasted redirect address, for servers."
)


@click.command
@_NO_BROWSER
@click.option("--timezone", metavar="ZONE", help="IANA time zone, like Europe/Berlin; default: this machine's.")
def command(no_browser: bool, timezone: str | None) -> None:
    """Connect a Spotify account: open the consent page, store the permission, pull once.

    You need your own app in Spotify's developer dashboard with the redirect URI http://127.0.0.1:8888/callback (or
    your MOODLOG_SPOTIFY_REDIRECT_URI). Set MOODLOG_SPOTIFY_CLIENT_ID to its client id. A client secret is not needed.
    moodlog requests permission only to read recent listens. Several people can connect, one after the other. A person
    who connects again keeps their name and time zone.

    \b
    Examples:
      moodlog connect
      moodlog connect --no-browser --timezone America/New_York
    """
    zone_name = timezone or machine_zone()
    if zone_name is None:
        raise ConfigError("the time zone of this machine is unknown; give --timezone, like Europe/Berlin")
    zone(zone_name)
    with Workspace() as workspace:
        token = _consent(workspace, no_browser=no_browser)
        user = workspace.connect(token, zone_name, keep_timezone=timezone is None)
        _pull_once(workspace, user)


@click.command
@click.argument("user")
@_NO_BROWSER
def reconnect(user: str, no_browser: bool) -> None:
    """Renew the permission of a connected account, by its id or name. Its history stays.

    Spotify's permissions end six months after consent; `moodlog status` shows the days left.

    \b
    Example:
      moodlog reconnect ada
    """
    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        token = _consent(workspace, no_browser=no_browser)
        profile = workspace.spotify.for_token(token).profile()
        if profile.account_id != account.user_id:
            raise ConfigError(
                f"the consent came from another account, {profile.display_name}; log out of Spotify in the browser "
                "and run the command again"
            )
        _pull_once(workspace, workspace.connect(token, account.timezone))


def _consent(workspace: Workspace, *, no_browser: bool) -> Token:
    service = workspace.spotify.token_service
    if no_browser:
        return authorise_by_hand(workspace.spotify_app, service, show=_show_for_hand, ask=_ask_for_answer)
    return authorise(workspace.spotify_app, service, show=_show_and_wait, open_browser=_open_browser)


def _open_browser(address: str) -> None:
    if not webbrowser.open(address):
        click.echo(
            "No browser could be opened here. Open the address in a browser on this machine. If your browser is on "
            "another machine, stop with Ctrl-C and run the command again with --no-browser.",
            err=True,
        )


def _show_and_wait(address: str) -> None:
    _show(address, f"Waiting {TIMEOUT_S / 60:.0f} minutes for the answer at")


def _show_for_hand(address: str) -> None:
    _show(address, "The browser then goes to")


def _show(address: str, then: str) -> None:
    redirect_uri = dict(parse_qsl(urlsplit(address).query))["redirect_uri"]
    click.echo("Open this address and agree:", err=True)
    click.echo(address)
    click.echo(
        f"{then} {redirect_uri}. If Spotify's page says 'Invalid redirect URI', register exactly that at "
        "https://developer.spotify.com/dashboard.",
        err=True,
    )


def _ask_for_answer() -> str:
    click.echo("That page may not open. Paste its whole address here:", err=True)
    return sys.stdin.readline()


def _pull_once(workspace: Workspace, user: User) -> None:
    outcome = workspace.pulling()([user.user_id], now=workspace.now())[0]
    console = Console(stderr=True, highlight=False, markup=False)
    console.print(f"Connected {user.display_name} ({user.user_id}) with the time zone {user.timezone}.")
    if outcome.problem:
        console.print(f"The first pull failed: {outcome.problem}")
    else:
        console.print(f"Pulled {outcome.new} new listens.")
    console.print("Next: `moodlog run` labels them now; `moodlog serve` pulls all day and labels every night.")
