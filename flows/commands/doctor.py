"""``moodlog doctor``: finds problems and names their remedies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from mood_core.app.demo_home import demo_note
from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.plain_table import print_table, table_console
from mood_core.cli.terminal import echo_json
from mood_core.domain.records import Service
from mood_core.errors import Unavailable
from mood_core.settings import other_names_in_use
from mood_core.text.sanitise import plain
from mood_core.usecases.upkeep.check_health import (
    Finding,
    Level,
    account_findings,
    checked,
    clock_finding,
    ghost_findings,
    schedule_finding,
)
from mood_core.usecases.upkeep.check_interrupted import interrupted_findings
from mood_core.usecases.upkeep.check_replica import replica_findings
from mood_core.usecases.upkeep.check_secrets import (
    encrypted_connection,
    foreign_tokens,
    other_names,
)
from mood_core.web.findings import file_findings, quota_finding, web_user_findings

if TYPE_CHECKING:
    from mood_core.features.source import FeatureSource

_ANY_TRACK = "4uLU6hMCjMI75M1A2tKUQC"
"""The id of a track; a source that does not know it works as well."""

_MOST_TOKENS = 100
"""Of more accounts of a service, the oldest and the newest tokens are checked; each pull checks its own."""

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.BROKEN: "bold red"}


@click.command
@options.as_json_lines
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Check everything a run needs, from the settings to the schedule.

    Settings, database, lake, model, feature sources, accounts, quota, this machine's clock, the schedule, file modes.
    Each line is ok, a warning, or broken, with the remedy. The exit code is 1 if a line is broken, otherwise 0.

    \b
    Examples:
      moodlog doctor
      moodlog doctor --json | jq 'select(.level != "ok")'
    """
    with Workspace() as workspace:
        findings = [each for what, check in _CHECKS.items() for each in checked(what, partial(check, workspace))]
    if as_json:
        for finding in findings:
            echo_json(asdict(finding))
    else:
        _print(findings)
    context.exit(1 if any(finding.level is Level.BROKEN for finding in findings) else 0)


def _home(workspace: Workspace) -> list[Finding]:
    note = demo_note(workspace.settings.home)
    return [Finding("home", Level.OK, note)] if note else []


def _app(workspace: Workspace) -> Finding:
    from mood_core.spotify.callback import check_redirect_uri

    services, (people, _) = workspace.accounts.services(), workspace.accounts.numbers()
    if not workspace.settings.spotify_client_id and Service.SPOTIFY not in services:
        if services:
            return Finding("app", Level.OK, "not needed: no account is pulled from Spotify")
        kept = "so recent listens are not pulled; imported listens are kept"
        message = f"no app is set, {kept if people else 'which only accounts of Spotify need'}"
        remedy = "set MOODLOG_SPOTIFY_CLIENT_ID, then run moodlog connect; or moodlog connect --from listenbrainz NAME"
        return Finding("app", Level.WARNING, message, remedy)
    check_redirect_uri(workspace.spotify_app.redirect_uri)
    return Finding("app", Level.OK, f"Spotify at {workspace.spotify_app.api_url}")


def _database(workspace: Workspace) -> Finding:
    from mood_core.store.upkeep.corruption import check_pages, is_checked_quickly

    said = f"{workspace.database}: schema up to date"
    if is_checked_quickly(workspace.database):
        check_pages(workspace.database)
        said += ", integrity check passed"
    elif file := workspace.database.file:
        said += f"; `moodlog verify` checks the pages of its {file.stat().st_size / 1e6:.0f} MB"
    return Finding("database", Level.OK, said)


def _lake(workspace: Workspace) -> Finding:
    from mood_core.lake.schema import DATASETS

    files = sum(len(workspace.lake.paths(dataset, since=workspace.now())) for dataset in DATASETS)
    return Finding("lake", Level.OK, f"{workspace.lake.root}, {files} files this month")


def _model(workspace: Workspace) -> Finding:
    model = workspace.classifier()
    shown = workspace.mood_rows.current_version()
    if shown not in (None, model.model_version):
        message = f"{model.model_version} is set, but the stored labels are from {shown}"
        return Finding("model", Level.WARNING, message, "run moodlog run")
    return Finding("model", Level.OK, f"{model.model_version} works, with {model.runtime}")


def _sources(workspace: Workspace) -> list[Finding]:
    from mood_core.store.queries.overview import unavailable_sources

    refused = {row["source"]: row["unavailable_since"][:10] for row in unavailable_sources(workspace.database)}
    findings: dict[str, Finding] = {}
    for source in workspace.feature_sources(patient=False):
        name = source.name.partition(":")[0]
        level, message, remedy = Level.OK, "in use", ""
        if name in refused:
            level, remedy = Level.WARNING, "nothing to do while another source works"
            message = f"has refused this app since {refused[name]}; moodlog retries after 30 days"
        elif source.remote and (problem := _problem_of(source, workspace)):
            level, message, remedy = Level.WARNING, problem, "nothing to do: the next run tries it again"
        findings.setdefault(name, Finding(f"features from {name}", level, message, remedy))
    return list(findings.values()) or [
        Finding("features", Level.BROKEN, "no feature source is in use", "set MOODLOG_FEATURE_SOURCES")
    ]


def _problem_of(source: FeatureSource, workspace: Workspace) -> str | None:
    """Call ``source`` for one track; returns why that failed."""
    from mood_core.domain.records import Track
    from mood_core.errors import SourceError

    try:
        source.fetch([Track(_ANY_TRACK, "", ())], workspace.now())
    except SourceError as error:
        return error.message
    return None


def _accounts(workspace: Workspace) -> list[Finding]:
    return account_findings(workspace.accounts, workspace.now(), workspace.days_left)


def _tokens(workspace: Workspace) -> list[Finding]:
    has_app = bool(workspace.settings.spotify_client_id.strip())  # without one, the line "app" says so
    found = workspace.accounts.authorised(_MOST_TOKENS)
    connected = [user_id for user_id, service in found.items() if has_app or service is not Service.SPOTIFY]
    are_all = max(Counter(found.values()).values(), default=0) < _MOST_TOKENS
    return [foreign_tokens(connected, workspace.check_token, are_all=are_all)] if connected else []


def _clock(workspace: Workspace) -> Finding:
    from mood_core.spotify.service_time import spotify_time

    services = workspace.accounts.services() or {Service.SPOTIFY}
    if Service.SPOTIFY in services:
        url, name = workspace.settings.spotify_accounts_url, "Spotify"
    else:
        service = min(services)
        url, name = workspace.histories.url(service), service.value
    try:
        return clock_finding(workspace.now(), spotify_time(url), name)
    except Unavailable as error:
        is_needed = workspace.accounts.services() or workspace.settings.spotify_client_id
        level = Level.BROKEN if is_needed else Level.WARNING
        return Finding("network", level, error.message, "imports and stored moods work without it")


def _schedule(workspace: Workspace) -> list[Finding]:
    from flows.check_schedule import ask_prefect, has_served

    _, newest_pull = workspace.accounts.numbers()
    scheduled = ask_prefect(workspace.settings.home)
    served = has_served(workspace.settings.home)
    finding = schedule_finding(scheduled, newest_pull, workspace.now(), has_served=served)
    return [finding, *ghost_findings(scheduled)]


_CHECKS: dict[str, Callable[[Workspace], Finding | list[Finding]]] = {
    "home": _home,
    "app": _app,
    "settings": lambda workspace: other_names(other_names_in_use(workspace.settings)),
    "database": _database,
    "database connection": lambda workspace: encrypted_connection(workspace.database),
    "read replica": lambda workspace: replica_findings(workspace.reading),
    "interrupted work": lambda workspace: interrupted_findings(workspace.database),
    "lake": _lake,
    "model": _model,
    "features": _sources,
    "accounts": _accounts,
    "tokens": _tokens,
    "users of the live pages": web_user_findings,
    "quota": quota_finding,
    "clock": _clock,
    "schedule": _schedule,
    "files": file_findings,
}


def _print(findings: list[Finding]) -> None:
    console, table = table_console(), Table(box=None, pad_edge=False, show_header=False)
    before_remedy = "\n→ " if console.is_terminal else " → "
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        message = plain(finding.said) + (f"{before_remedy}{plain(finding.remedy)}" if finding.remedy else "")
        table.add_row(Text(finding.level.value, style=_STYLES[finding.level]), Text(plain(finding.what)), Text(message))
    print_table(table, console)
