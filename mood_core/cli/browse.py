"""``moodlog browse``: the SQLite database in Datasette, read-only, on this machine alone."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from mood_core.bootstrap import Workspace
from mood_core.errors import ConfigError
from mood_core.report.datasette_metadata import datasette_metadata


@click.command
@click.option("--port", type=click.IntRange(0, 65535), default=8001, show_default=True, help="Where the pages are.")
@click.option("--open", "open_it", is_flag=True, help="Show them in the browser.")
@click.pass_context
def command(context: click.Context, port: int, open_it: bool) -> None:
    """Look through the database with Datasette: filter, facet, export as CSV or JSON.

    Only this machine can reach it and nothing can be changed. Needs the extra: pip install 'moodlog[datasette]'.

    \b
    Example:
      moodlog browse --open
    """
    if importlib.util.find_spec("datasette") is None:
        raise ConfigError("moodlog browse needs Datasette; install it with: pip install 'moodlog[datasette]'")
    with Workspace() as workspace:
        if workspace.database.dialect != "sqlite":
            raise ConfigError(
                "Datasette reads SQLite alone; docs/dashboards.md shows Grafana and Metabase on PostgreSQL"
            )
        file = Path(workspace.database.engine.url.database or "")
        told = datasette_metadata(file.stem, workspace.database)
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        metadata.write_text(json.dumps(told), encoding="utf-8")
        # -P: import nothing from the working directory, which may be somebody else's.
        call = [sys.executable, "-P", "-m", "datasette", "serve", str(file), "--host", "127.0.0.1", "--port", str(port)]
        call += ["--metadata", str(metadata), *(["--open"] if open_it else [])]
        # Datasette ends with this process, also when that is told to end: subprocess.call kills it on the way out.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        try:
            context.exit(subprocess.call(call))  # noqa: S603 - our own words
        except KeyboardInterrupt:
            context.exit(0)
