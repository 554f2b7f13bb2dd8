"""``moodlog web``: the living page, on this machine alone."""

from __future__ import annotations

import contextlib
import html
import signal
import sys
import tempfile
import webbrowser
from pathlib import Path

import click

from mood_core.app.workspace import Workspace
from mood_core.cli.browse_gate import redirect_page
from mood_core.files.private import write_private

DEFAULT_PORT = 8765


@click.command
@click.option("--port", type=click.IntRange(0, 65535), default=DEFAULT_PORT, help="Port of the pages.")
@click.option("--open", "open_it", is_flag=True, help="Open the pages in the browser.")
@click.option("--link", is_flag=True, help="Print a new link to the pages that already run on this port, and exit.")
def command(port: int, open_it: bool, link: bool) -> None:
    """Serve the moods as live pages: people, years, months, days and tracks by address, straight from SQL.

    Pages such as /NAME/2026-11 are for browsers, /api for programs, /metrics for Prometheus, /NAME/day.svg and
    /NAME/week.png for dashboards. They listen on 127.0.0.1 only. A browser gets in with the printed link, which works
    once within an hour; then a cookie lets it in. `moodlog serve` serves the same pages beside the schedules.

    \b
    Examples:
      moodlog web --open
      moodlog web --link
    """
    from mood_core.web.server import access_of, link_to, listen, serve

    with Workspace() as workspace:
        access = access_of(workspace)
        if link:
            click.echo(link_to(access, port))
            return
        _ = workspace.database
        # uvicorn ends the pages first, then raises the signal again.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        with listen(port) as listener, contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder:
            address = link_to(access, listener.getsockname()[1])

            def ready() -> None:
                click.echo(address)
                click.echo("Open this link in your browser; it works once. Stop with Ctrl-C.", err=True)
                if open_it:
                    _open(address, Path(folder))

            serve(workspace, access, listener, ready=ready)


def _open(address: str, folder: Path) -> None:
    """Open ``address`` by a private page: every user of the machine can read a browser's command line."""
    page = folder / "open.html"
    write_private(page, redirect_page(html.escape(address)).encode())
    webbrowser.open(page.as_uri())
