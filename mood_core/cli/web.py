"""``moodlog web``: the live pages, only on this machine."""

from __future__ import annotations

import contextlib
import html
import os
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from pathlib import Path

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.browse_gate import redirect_page
from mood_core.files.private import write_private


@click.command
@click.option("--port", type=options.Integer(0, 65535), help="Port of the pages.  [default: 8765, or a free one]")
@click.option("--open", "open_it", is_flag=True, help="Open the pages in the browser.")
@click.option("--link", is_flag=True, help="Print a new link to the pages that already run, and exit.")
@click.option("--read-only", is_flag=True, help="Take no answers about moods.")
@click.option("--with-parent", type=int, hidden=True, help="End with this process.")
def command(port: int | None, open_it: bool, link: bool, read_only: bool, with_parent: int | None) -> None:
    """Serve the moods as live pages: people, years, months, days and tracks by address, straight from SQL.

    Pages such as /NAME/2026-11 are for browsers, /api for programs, /metrics for Prometheus, /NAME/day.svg and
    /NAME/week.png for dashboards. They listen on 127.0.0.1 only. The printed link logs a browser in; it works
    once, within an hour. Later the browser has a cookie. `moodlog serve` serves the same pages beside the schedules.

    \b
    Examples:
      moodlog web --open
      moodlog web --link
    """
    from mood_core.web.findings import web_user_findings
    from mood_core.web.proxy import proxy_of
    from mood_core.web.server import access_of, answers, link_to, listen, record_port, recorded_port, serve

    with Workspace() as workspace:
        settings = workspace.settings
        proxy, access = proxy_of(settings), access_of(workspace)
        if link:
            chosen = recorded_port(settings.home) if port is None else port
            click.echo(link_to(access, chosen, proxy))
            if not answers(settings.web_host, chosen):
                click.echo(
                    f"No pages answer on port {chosen} now; `moodlog web` or `moodlog serve` starts them.", err=True
                )
            return
        _ = workspace.database
        # uvicorn ends the pages first, then raises the signal again.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        with (
            listen(port, settings.web_host, is_fixed=proxy is not None) as listener,
            contextlib.suppress(KeyboardInterrupt),
            tempfile.TemporaryDirectory() as folder,
        ):
            chosen = listener.getsockname()[1]
            record_port(settings.home, chosen)
            address = link_to(access, chosen, proxy)

            def ready() -> None:
                for found in web_user_findings(workspace):
                    click.echo(f"Warning: {found.said}; {found.remedy}.", err=True)
                click.echo(address)
                click.echo(
                    "Open this link in your browser; it works once. `moodlog web --link` prints another.", err=True
                )
                if open_it:
                    _open(address, Path(folder))

            if with_parent is not None:
                threading.Thread(target=_end_with, args=(with_parent,), daemon=True).start()
            closed = read_only or settings.web_read_only
            serve(workspace, access, listener, proxy, ready=ready, read_only=closed)


def _open(address: str, folder: Path) -> None:
    """Open ``address`` by a private page: every user of the machine can read a browser's command line."""
    page = folder / "open.html"
    write_private(page, redirect_page(html.escape(address)).encode())
    webbrowser.open(page.as_uri())


def _end_with(parent: int) -> None:
    """End the pages once the process ``parent`` has ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
