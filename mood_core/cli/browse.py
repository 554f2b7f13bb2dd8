"""``moodlog browse``: the SQLite database in Datasette, read-only, on this machine alone."""

from __future__ import annotations

import contextlib
import html
import importlib.util
import signal
import socket
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Any

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.browse_gate import BrowseGate, redirect_page
from mood_core.errors import ConfigError
from mood_core.files.private import write_private
from mood_core.http.loopback import App, Receive, Scope, Send
from mood_core.installation import install_extra
from mood_core.report.datasette_metadata import datasette_metadata

_HOST = "127.0.0.1"
_END_WITHIN_S = 5
LIMITS = {"sql_time_limit_ms": 30_000, "facet_time_limit_ms": 3_000, "suggest_facets": False}
"""Datasette's default of 1 s is too short for filters over a long history. Suggested facets would count every view."""


@click.command
@click.option("--port", type=options.Integer(0, 65535), default=8001, help="Port of the pages.")
@click.option("--open", "open_it", is_flag=True, help="Open the pages in the browser.")
def command(port: int, open_it: bool) -> None:
    """Browse the database with Datasette: filter, facet, export as CSV or JSON.

    Only a browser that opened the printed address has access, and it cannot change anything. The address contains a
    token: do not share it. Every start makes a new token. Needs the extra moodlog[datasette].

    \b
    Example:
      moodlog browse --open
    """
    if importlib.util.find_spec("datasette") is None:
        raise ConfigError(f"moodlog browse needs Datasette; install it with: {install_extra('datasette')}")
    with Workspace() as workspace:
        if workspace.database.dialect != "sqlite":
            raise ConfigError(
                "Datasette reads only SQLite; docs/dashboards.md describes Grafana and Metabase for PostgreSQL"
            )
        file = Path(workspace.database.engine.url.database or "")
        metadata = datasette_metadata(file.stem, workspace.database)
    # uvicorn ends the pages first, then raises the signal again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    gate = BrowseGate()
    with _listening(port) as listener, contextlib.suppress(KeyboardInterrupt):
        address = f"http://{_HOST}:{listener.getsockname()[1]}{gate.folder}?token={gate.token}"
        click.echo(address)
        click.echo("Open this address in your browser. Stop with Ctrl-C.", err=True)
        with tempfile.TemporaryDirectory() as folder:
            if open_it:
                page = Path(folder) / "open.html"  # every user of the machine can read a browser's command line
                write_private(page, redirect_page(html.escape(address)).encode())
                webbrowser.open(page.as_uri())
            _serve(gate, file, metadata, listener)


def _listening(port: int) -> socket.socket:
    """A socket that listens before the address is printed, so that no other process can receive the token."""
    try:
        return socket.create_server((_HOST, port))
    except OSError as error:
        raise ConfigError(f"cannot listen on port {port}: {error.strerror}; choose another with --port") from None


def _adapted(app: App, folder: str) -> App:
    """``app``, Datasette below ``folder``, with the requests changed in two ways.

    Datasette adds its ``base_url`` to the path of a request for the links of a page, so the path comes without it. And
    it is asked not to count the rows of a page's view: that reads all of them, which takes minutes for many.
    """
    prefix = folder.removesuffix("/")

    async def adapted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked = [part for part in (scope["query_string"], b"_nocount=1") if part]
            scope = {
                **scope,
                "query_string": b"&".join(asked),
                "path": scope["path"].removeprefix(prefix),
                "raw_path": scope["raw_path"].removeprefix(prefix.encode()),
            }
        await app(scope, receive, send)

    return adapted


def _serve(gate: BrowseGate, file: Path, metadata: dict[str, Any], listener: socket.socket) -> None:
    import uvicorn
    from datasette.app import Datasette

    pages = Datasette([str(file)], metadata=metadata, settings={"base_url": gate.folder, **LIMITS})
    config = uvicorn.Config(
        gate.guard(_adapted(pages.app(), gate.folder)),
        log_level="warning",
        access_log=False,  # it would contain the token
        timeout_graceful_shutdown=_END_WITHIN_S,
    )
    uvicorn.Server(config).run(sockets=[listener])
