"""``moodlog export``: all data of a person, for them to take along."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mood_core.bootstrap import Workspace
from mood_core.pipeline.manage_users import the_account
from mood_core.plain_text import plain
from mood_core.private_files import file_stem


@click.command
@click.option("--user", required=True, metavar="ID|NAME", help="Whose data.")
@click.option("--format", "kind", type=click.Choice(["json", "csv", "parquet"]), default="json", show_default=True)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The zip; default: moodlog-ID.zip.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(user: str, kind: str, output: Path | None, as_json: bool) -> None:
    """Write everything kept of a person into a zip.

    Who they are, their listens with moods, gaps, and what they imported. Never a token.

    \b
    Examples:
      moodlog export --user ada
      moodlog export --user ada --format csv --output ada.zip
    """
    from mood_core.pipeline.export_person import export_person
    from mood_core.store.personal import personal_rows

    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        target = output or Path(f"moodlog-{file_stem(account.user_id)}.zip")
        with personal_rows(workspace.database, account.user_id) as parts:
            counts = export_person(parts, target, kind)
    if as_json:
        click.echo(json.dumps({"user_id": account.user_id, "file": str(target), "rows": counts}))
    click.echo(f"Wrote {counts['listens']} listens and {counts['gaps']} gaps to {plain(str(target))}.", err=True)
