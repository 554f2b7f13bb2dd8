"""The doctor's findings that need no other service: settings, accounts, quota, file modes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mood_core.app.workspace import Workspace
from mood_core.setting_names import env_files
from mood_core.settings import other_names_in_use
from mood_core.usecases.upkeep.check_health import Finding, Level, account_findings, checked
from mood_core.usecases.upkeep.check_interrupted import interrupted_findings
from mood_core.usecases.upkeep.check_replica import replica_findings
from mood_core.usecases.upkeep.check_secrets import encrypted_connection, other_names, private_file, secret_files
from mood_core.web.people import find_person, people_called
from mood_core.web.proxy import EVERYBODY, proxy_of


def local_findings(workspace: Workspace) -> list[Finding]:
    """The findings, broken ones first, then warnings."""
    checks: dict[str, Callable[[], Finding | list[Finding]]] = {
        "settings": lambda: other_names(other_names_in_use(workspace.settings)),
        "database connection": lambda: encrypted_connection(workspace.database),
        "read replica": lambda: replica_findings(workspace.reading),
        "interrupted work": lambda: interrupted_findings(workspace.database),
        "model": partial(_model, workspace),
        "users of the live pages": partial(web_user_findings, workspace),
        "accounts": lambda: account_findings(workspace.accounts, workspace.now(), workspace.days_left),
        "quota": partial(quota_finding, workspace),
        "files": partial(file_findings, workspace),
    }
    found = [each for what, check in checks.items() for each in checked(what, check)]
    return sorted(found, key=lambda one: list(Level)[::-1].index(one.level))


def web_user_findings(workspace: Workspace) -> list[Finding]:
    """A warning if users of the reverse proxy have a person who does not exist: they see nothing."""
    proxy = proxy_of(workspace.settings)
    users = {} if proxy is None else {user: one for user, one in proxy.users.items() if one != EVERYBODY}
    lost = [
        f"{user}={one}"
        for user, one in users.items()
        if find_person(people_called(workspace.accounts, one), one) is None
    ]
    remedy = "correct MOODLOG_WEB_USERS, or add the person with moodlog connect or moodlog import"
    said = f"MOODLOG_WEB_USERS has {', '.join(lost)}, but nobody here has this name or id"
    return [Finding("users of the live pages", Level.WARNING, said, remedy)] if lost else []


def _model(workspace: Workspace) -> Finding:
    """Whether the shown labels are from the model that is set; the model is not loaded."""
    version, shown = workspace.model_card.model_version, workspace.mood_rows.current_version()
    if shown in (None, version):
        return Finding("model", Level.OK, version)
    message = f"{version} is set, but the stored labels are from {shown}"
    return Finding("model", Level.WARNING, message, "run moodlog run")


def quota_finding(workspace: Workspace) -> Finding:
    """How much of Spotify's quota is used, and which services are rate limited."""
    waits = workspace.calls.not_before()
    if waits:
        limits = (f"{name} is rate limited until {until:%Y-%m-%d %H:%M} UTC" for name, until in waits.items())
        return Finding("quota", Level.WARNING, "; ".join(limits), "wait; later runs continue automatically")
    limit = workspace.settings.spotify_daily_budget
    used = workspace.calls.last_day()
    busiest = max(used, key=lambda endpoint: used[endpoint], default=None)
    message = f"most calls in 24 hours: {used[busiest]} of {busiest}" if busiest else "no calls in 24 hours"
    if limit and busiest and used.get("me/player/recently-played", 0) >= 0.9 * limit:
        message += f", of a budget of {limit}"
        return Finding("quota", Level.WARNING, message, "pull less often, or ask Spotify for extended quota")
    return Finding("quota", Level.OK, message)


def file_findings(workspace: Workspace) -> list[Finding]:
    """Whether only their owner can read the files with secrets and people's data."""
    paths = secret_files(workspace.settings.home, workspace.database.file, env_files())
    paths += [Path(workspace.lake.root)] if workspace.lake.is_local else []
    return [private_file(f"privacy of {path.name}", path) for path in paths]
