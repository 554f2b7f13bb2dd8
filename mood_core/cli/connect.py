"""``moodlog connect`` and ``moodlog reconnect``: get a person's consent and pull once."""

from __future__ import annotations

import sys
import webbrowser
from urllib.parse import parse_qsl, urlsplit

import click
from pydantic import SecretStr
from rich.console import Console

from mood_core.app.parts import machine_zone
from mood_core.app.workspace import Workspace
from mood_core.cli.person_names import complete_person
from mood_core.domain.records import SERVICE_NAMES, Service, User
from mood_core.errors import ConfigError, InputError
from mood_core.http.addresses import origin
from mood_core.scrobbles.login import Login
from mood_core.spotify.authorise import TIMEOUT_S, authorise, authorise_by_hand
from mood_core.spotify.tokens import Token
from mood_core.store.loading.time_zones import zone
from mood_core.store.queries.import_rows import ImportRows
from mood_core.text.format import plural
from mood_core.usecases.people.manage_users import the_account

_NO_BROWSER = click.option(
    "--no-browser", is_flag=True, help="Print the address and read the pasted redirect address, for servers."
)


_WITH_TOKEN = click.option(
    "--token", "with_token", is_flag=True, help="Ask for a ListenBrainz token, or read it from stdin; not needed."
)


@click.command
@click.argument("name", required=False)
@click.option(
    "--from",
    "service",
    type=click.Choice([service.value for service in Service]),
    default=Service.SPOTIFY.value,
    show_default=True,
    help="The service to pull from.",
)
@click.option(
    "--user",
    metavar="ID|NAME",
    shell_complete=complete_person,
    help="Add it to a person with a history; for listenbrainz and lastfm.",
)
@_WITH_TOKEN
@_NO_BROWSER
@click.option("--timezone", metavar="ZONE", help="IANA time zone, like Europe/Berlin; default: this machine's.")
def command(
    name: str | None, service: str, user: str | None, with_token: bool, no_browser: bool, timezone: str | None
) -> None:
    """Connect an account and pull once, from Spotify or, without Premium, from ListenBrainz or Last.fm.

    ListenBrainz and Last.fm import your Spotify plays, with no app of yours. NAME is your name there. Last.fm needs an
    API key in MOODLOG_LASTFM_API_KEY. The whole history is read.

    For Spotify, this opens the consent page and stores the permission. You need your own app in Spotify's developer
    dashboard with the redirect URI http://127.0.0.1:8888/callback (or your MOODLOG_SPOTIFY_REDIRECT_URI). Set
    MOODLOG_SPOTIFY_CLIENT_ID to its client id. A client secret is not needed. moodlog requests permission only to read
    recent listens. Several people can connect, one after the other. A person who connects again keeps their name and
    time zone.

    \b
    Examples:
      moodlog connect
      moodlog connect --no-browser --timezone America/New_York
      moodlog connect --from listenbrainz ada
      moodlog connect --from lastfm ada --user local-ada
    """
    if (service == Service.SPOTIFY) == (name is not None):
        problem = "only --from listenbrainz and --from lastfm take a NAME" if name else f"--from {service} needs a NAME"
        raise click.UsageError(f"{problem}: your name at that service")
    if service == Service.SPOTIFY and (user or with_token):
        raise click.UsageError("--user and --token are for --from listenbrainz and --from lastfm")
    zone_name = timezone or machine_zone()
    if zone_name is None:
        raise ConfigError("the time zone of this machine is unknown; give --timezone, like Europe/Berlin")
    zone(zone_name)
    with Workspace() as workspace:
        if name is not None:
            known = the_account(workspace.accounts, user) if user else None
            login = _login(workspace, Service(service), name, with_token=with_token)
            keep = timezone is None
            person = workspace.connect_history(Service(service), login, zone_name, known=known, keep_timezone=keep)
            _pull_once(workspace, person, Service(service))
            return
        token = _consent(workspace, no_browser=no_browser)
        _pull_once(workspace, workspace.connect(token, zone_name, keep_timezone=timezone is None))


@click.command
@click.argument("user", shell_complete=complete_person)
@_WITH_TOKEN
@_NO_BROWSER
def reconnect(user: str, with_token: bool, no_browser: bool) -> None:
    """Renew the permission of a connected account, by its id or name. Its history stays.

    An account of ListenBrainz or Last.fm keeps its name there, and its whole history is read again. --token replaces
    the token of ListenBrainz; an empty one removes it.

    Spotify's permissions end six months after consent; `moodlog status` shows the days left.

    \b
    Example:
      moodlog reconnect ada
    """
    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        if account.service != Service.SPOTIFY and account.authorised_at is not None:
            service = Service(account.service)
            stored = workspace.histories.login_of(account.user_id)
            login = _login(workspace, service, stored.name, with_token=with_token)
            if not with_token and login.origin == stored.origin:
                login = stored
            _pull_once(workspace, workspace.connect_history(service, login, account.timezone, known=account), service)
            return
        if account.authorised_at is None and account.user_id.startswith("local-"):
            raise InputError(
                f"{account.display_name} was imported and has no account; `moodlog connect` connects one of Spotify,"
                f" `moodlog connect --from listenbrainz NAME --user {account.user_id}` adds one of ListenBrainz"
            )
        token = _consent(workspace, no_browser=no_browser)
        profile = workspace.spotify.for_token(token).profile()
        if profile.account_id != account.user_id:
            raise ConfigError(
                f"the consent came from another account, {profile.display_name}; log out of Spotify in the browser "
                "and run the command again"
            )
        _pull_once(workspace, workspace.connect(token, account.timezone))


def _login(workspace: Workspace, service: Service, name: str, *, with_token: bool) -> Login:
    """The login of ``name``; a token is asked for without an echo, or read from stdin."""
    if with_token and service is not Service.LISTENBRAINZ:
        raise click.UsageError("only ListenBrainz has tokens; Last.fm needs MOODLOG_LASTFM_API_KEY")
    token = None
    if with_token and sys.stdin.isatty():
        token = click.prompt("Token from https://listenbrainz.org/settings/", hide_input=True, err=True)
    elif with_token:
        token = sys.stdin.readline()
    if token is not None and not (token := token.strip()).isascii():
        raise InputError("a token has only letters, digits and hyphens; copy it again")
    return Login(name, SecretStr(token) if token else None, origin(workspace.histories.url(service)))


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


def _pull_once(workspace: Workspace, user: User, service: Service = Service.SPOTIFY) -> None:
    outcome = workspace.pulling()([user.user_id], now=workspace.now())[0]
    console = Console(stderr=True, highlight=False, markup=False)
    person = f"{user.display_name} ({user.user_id})"
    console.print(f"Connected {person} to {SERVICE_NAMES[service]} with the time zone {user.timezone}.")
    if outcome.problem:
        console.print(f"The first pull failed: {outcome.problem}")
    else:
        pending = len(ImportRows(workspace.database).pending_plays(user.user_id))
        console.print(f"Pulled {outcome.new} new {'plays' if pending else 'listens'}.")
        if pending:
            console.print(f"{plural(pending, 'play')} pending: the nightly run looks up their tracks by name.")
    console.print("Next: `moodlog run` labels them now; `moodlog serve` pulls all day and labels every night.")
