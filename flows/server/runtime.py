"""Selects the Prefect server on which a command runs flows: the configured one, or moodlog's own.

Prefect reads its settings when it is first imported, so this module sets them and imports Prefect only in functions.
"""

from __future__ import annotations

import contextlib
import os
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from flows.server.local_server import LocalServer, local_server
from flows.server.trusted_folder import refuse_untrusted_prefect_settings
from mood_core.app.workspace import make_home
from mood_core.errors import ConfigError, Unavailable

_RECORDING_S = 10.0
_DATABASES = ("PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL")
_POLL_S = 0.1

_WITHOUT_PAGES = {
    "PREFECT__SERVER_EPHEMERAL": "1",  # as for the temporary servers that Prefect starts itself
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",  # otherwise a later server would register none either
}
"""Settings of a server without UI, schedules and types of blocks: it starts in 1 s less."""


class PrefectRuntime:
    """The Prefect server to run flows on; ``server`` is moodlog's own, None for a configured server."""

    def __init__(self, server: LocalServer | None) -> None:
        self.server = server

    @property
    def pages(self) -> str:
        """The address of Prefect's UI, or of the configured server."""
        return self.server.ui_url if self.server else (configured_server() or "")

    def wait_until_ready(self) -> None:
        """Wait until the server answers.

        Raises:
            Unavailable: The local server does not start, or the configured server does not answer.
        """
        if self.server is not None:
            self.server.wait_until_ready()
            return
        import httpx
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            error = client.api_healthcheck()
        # With an HTTP status it answers; the first request reports why it refuses.
        if error is not None and not isinstance(error, httpx.HTTPStatusError):
            raise no_answer(error)

    def wait_until_recorded(self, flow_run_id: str) -> None:
        """Wait until the server has recorded the run's task runs, which it does with a delay."""
        if self.server is None or not self.server.is_ours:
            return  # a server that keeps running records them later
        from prefect.client.orchestration import get_client
        from prefect.logging.handlers import APILogHandler

        from flows.server.run_queries import run_filter

        APILogHandler().flush()
        deadline, ours = time.monotonic() + _RECORDING_S, run_filter(ids=[UUID(flow_run_id)])
        with get_client(sync_client=True) as client:
            while time.monotonic() < deadline:
                states = [run.state for run in client.read_task_runs(flow_run_filter=ours)]
                if states and all(state is not None and state.is_final() for state in states):
                    return
                time.sleep(_POLL_S)


@contextlib.contextmanager
def prefect_runtime(
    home: Path,
    *,
    verbose: int = 0,
    port: int | None = None,
    own: bool = False,
    strict: bool = False,
    pages: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[PrefectRuntime]:
    """A server to run flows on within the context; wait until it is ready.

    The server of ``PREFECT_API_URL`` or of the active Prefect profile, otherwise moodlog's own with its history in
    ``home/prefect``: ``port``, ``own``, ``strict`` and ``say`` are parameters of ``local_server``. Without ``pages`` a
    new server has no UI and no scheduler.

    Raises:
        ConfigError: ``home`` cannot be created, the server's folder in it belongs to another user, or the environment
            names the database of another Prefect server.
    """
    # The server stores the whole log of a run. The terminal shows it with -v; otherwise errors are one line.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "DEBUG" if verbose > 1 else "INFO")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", ("CRITICAL", "INFO", "DEBUG")[min(verbose, 2)])
    os.environ.setdefault("DO_NOT_TRACK", "1")
    if configured_server():
        yield PrefectRuntime(None)
        return
    _refuse_database_of_another_server()
    make_home(home)
    if not pages:
        os.environ.update(_WITHOUT_PAGES)
    with local_server(home / "prefect", port=port, own=own, strict=strict, say=say) as server:
        os.environ.update(server.client_environment)
        yield PrefectRuntime(server)


def configured_server() -> str | None:
    """The API address of the configured Prefect server, from the environment or the active Prefect profile.

    Raises:
        ConfigError: Other users can change a file with Prefect's settings.
    """
    folder = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    refuse_untrusted_prefect_settings(folder / "profiles.toml")
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    try:
        profiles = tomllib.loads((folder / "profiles.toml").read_text(encoding="utf-8"))
        name = os.environ.get("PREFECT_PROFILE") or profiles["active"]
        address = str(profiles["profiles"][name]["PREFECT_API_URL"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address if urlsplit(address).scheme else None


def no_answer(error: Exception) -> Unavailable:
    """The error for a configured server that does not answer."""
    kind = type(error).__name__
    message = f"the Prefect server at PREFECT_API_URL does not answer ({kind}); start it, or set another address"
    return Unavailable(message, source="prefect")


def _refuse_database_of_another_server() -> None:
    """Prevent moodlog's own server from using the database of another Prefect server.

    Raises:
        ConfigError: The environment names such a database.
    """
    for name in _DATABASES:
        if os.environ.get(name):
            raise ConfigError(
                f"{name} configures another Prefect server; set PREFECT_API_URL to use that server,"
                f" or `unset {name}` to use moodlog's own server with its database in MOODLOG_HOME"
            )
