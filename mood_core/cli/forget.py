"""``moodlog forget``: everything of a person goes."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from mood_core.bootstrap import Workspace
from mood_core.pipeline.manage_users import the_account
from mood_core.store.claims import new_owner


@click.command
@click.option("--user", required=True, metavar="ID|NAME", help="Whom to forget.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object to stdout.")
def command(user: str, yes: bool, as_json: bool) -> None:
    """Forget a person: token, listens, gaps, name; in SQL and in every Parquet file. It cannot be undone.

    Every file is read again afterwards. Killed anywhere, run it again. Titles, features and moods of tracks are facts
    of recordings and stay. Backups are yours to clean. `moodlog export` keeps a copy first.

    \b
    Examples:
      moodlog forget --user ada
      moodlog forget --user ada --yes
    """
    with Workspace() as workspace:
        account = the_account(workspace.accounts, user)
        if not yes:
            question = f"Forget {account.display_name} ({account.user_id}) for good?"
            click.confirm(question, abort=True, err=True)
        # pyarrow's compute functions take a moment to import: not before the question
        from mood_core.pipeline.forget_person import forget_person

        report = forget_person(
            account.user_id, workspace.lake, workspace.database, owner=new_owner(), now=workspace.now()
        )
    if as_json:
        click.echo(json.dumps({"user_id": account.user_id, **asdict(report)}))
    click.echo(
        f"Forgot {account.user_id}: {report.listens} listens; {report.rewritten} files rewritten, {report.removed} "
        f"removed, {report.checked} read again.",
        err=True,
    )
