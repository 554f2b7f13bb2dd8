"""``moodlog export``: write all data of a person to a zip."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.person_names import complete_person
from mood_core.files.private import file_stem
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import the_account


@click.command
@click.option("-u", "--user", required=True, metavar="ID|NAME", shell_complete=complete_person, help="The person.")
@click.option(
    "--format", "kind", type=click.Choice(["json", "csv", "parquet"]), default="json", help="The format of the files."
)
@click.option(
    "-o",
    "--out",
    "--output",
    "output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The zip; default: moodlog-ID.zip.",
)
@options.as_json
def command(user: str, kind: str, output: Path | None, as_json: bool) -> None:
    """Write all stored data of a person to a zip.

    It contains the person with current and earlier names, their listens with moods, gaps, imports, and the quarantined
    rows of their imports. It never contains a token.

    \b
    Examples:
      moodlog export --user ada
      moodlog export --user ada --format csv --output ada.zip
    """
    from mood_core.store.queries.person_export import personal_rows
    from mood_core.usecases.people.export_person import Rows, earlier_names, export_person
    from mood_core.usecases.quarantine import quarantined_rows

    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        target = output or Path(f"moodlog-{file_stem(account.user_id)}.zip")
        with personal_rows(workspace.database, account.user_id) as parts:
            more: dict[str, Rows] = {
                "earlier_names": partial(earlier_names, workspace.lake, account.user_id),
                "quarantined_rows": partial(quarantined_rows, workspace.settings.quarantine, account.user_id),
            }
            counts = export_person(parts | more, target, kind)
    if as_json:
        click.echo(json.dumps({"user_id": account.user_id, "file": str(target), "rows": counts}))
    click.echo(f"Wrote {counts['listens']} listens and {counts['gaps']} gaps to {plain(str(target))}.", err=True)
