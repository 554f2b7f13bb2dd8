"""``moodlog statistics``: moods of all people, counted from the lake by Apache Spark."""

from __future__ import annotations

import click
from rich.console import Console

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.plain_table import plain_table
from mood_core.cli.terminal import echo_json
from mood_core.settings import load_settings


@click.command
@options.spark_master
@options.as_json
def command(master: str | None, as_json: bool) -> None:
    """Count the moods of all people by week and by hour, and what has audio features, by Apache Spark.

    The numbers are those of the views mood_weekly_everybody, mood_by_hour (added up) and feature_coverage, but they are
    counted from the lake, which takes no time of the database. Needs the extra spark and Java; docs/spark.md explains
    it.

    \b
    Examples:
      moodlog statistics
      moodlog statistics --master spark://head:7077 --json
    """
    own = load_settings()
    with Workspace(own.model_copy(update={"spark_master": master}) if master else own) as workspace:
        found = {name: table.to_pylist() for name, table in workspace.statistics().items()}
    if as_json:
        echo_json(found)
        return
    for name, rows in found.items():
        click.echo(f"{name}:")
        Console().print(plain_table(rows))
