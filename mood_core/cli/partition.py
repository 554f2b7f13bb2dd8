"""``moodlog partition``: divide the listens of a PostgreSQL database into partitions by person."""

from __future__ import annotations

import json

import click

from mood_core.app.workspace import Workspace, utc_now
from mood_core.cli import options
from mood_core.cli.progress import count_progress
from mood_core.text.format import plural

_BYTES_PER_S = 10_000_000


@click.command
@click.argument("partitions", type=options.Integer(1, 256), required=False)
@click.option("--cancel", is_flag=True, help="Remove what an interrupted move has copied.")
@click.option("--dry-run", is_flag=True, help="Only show how much time and space it needs.")
@click.option("--workers", type=options.Integer(1, 8), default=2, show_default=True, help="Connections at once.")
@options.as_json
def command(partitions: int | None, cancel: bool, dry_run: bool, workers: int, as_json: bool) -> None:
    """Divide listens and daily counts on PostgreSQL into PARTITIONS by a hash of the person; 1 is one table.

    The rows are copied step by step into new tables, which then replace the old ones. Meanwhile pages and queries read
    the old tables and pulls go on; imports, forgetting and labelling wait. Safe to rerun after a crash: it continues
    where it stopped. Every answer stays the same.

    \b
    Examples:
      moodlog partition 16 --dry-run
      moodlog partition 16
      moodlog partition --cancel
    """
    from mood_core.usecases.upkeep.partition_database import cancel_partitioning, partition_database, size_to_copy

    if (partitions is None) is not cancel:
        raise click.UsageError("give a number of partitions, or --cancel.")
    if cancel and dry_run:
        raise click.UsageError("--dry-run only shows what a move needs; give a number of partitions.")
    with Workspace() as workspace:
        database = workspace.database
        size = 0 if partitions is None else size_to_copy(database, partitions)
        if partitions is None:
            outcome = "cancelled" if cancel_partitioning(database) else "kept"
        elif dry_run:
            outcome = "dry run"
        else:
            click.echo(_needs(size), err=True)
            with count_progress("copying") as progress:
                moved = partition_database(database, partitions, now=utc_now(), workers=workers, progress=progress)
            outcome = "changed" if moved else "kept"
    if as_json:
        click.echo(json.dumps({"partitions": partitions, "outcome": outcome, "bytes": size}))
    elif dry_run:
        click.echo(_needs(size))
    else:
        click.echo(f"partitions: {outcome}")


def _needs(size: int) -> str:
    minutes = max(1, round(size / _BYTES_PER_S / 60))
    return (
        f"copies {size / 1e6:,.0f} MB: needs as much free space on the server until it ends, and about "
        f"{plural(minutes, 'minute')}"
    )
