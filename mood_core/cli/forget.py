"""``moodlog forget``: delete all data of a person."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.person_names import complete_person
from mood_core.cli.progress import share_progress
from mood_core.cli.status_sections import COMPLETE
from mood_core.text.sanitise import plain


@click.command
@click.option(
    "-u", "--user", required=True, metavar="ID|NAME", shell_complete=complete_person, help="The person to forget."
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--even-without", multiple=True, metavar="FILE", help="Continue without a lake file that cannot be restored."
)
@options.as_json
def command(user: str, yes: bool, even_without: tuple[str, ...], as_json: bool) -> None:
    """Forget a person: delete token, listens, gaps and name from SQL and every Parquet file. This cannot be undone.

    If lake and ledger do not have the same files, or a file is damaged, nothing is changed: the person could be in it.
    Every file is read, and each rewritten one again. Run an interrupted `forget` again to complete it: it rewrites only
    the files that are left; the next run of anything does so too. A keyed hash of the id stays, so that no old file,
    import or late run brings the person back, until they connect again or are imported by name. Titles,
    features and moods of tracks stay, except those of the person's own local files. A person who is only in the lake
    can be forgotten too. Names are compared without regard to upper case.

    In the history of moodlog's own Prefect server, the person's runs are deleted, and log lines, artifacts and events
    of other runs that name the person. Delete backups yourself, and runs on other Prefect servers. To keep a copy, run
    `moodlog export` first.

    \b
    Examples:
      moodlog forget --user ada
      moodlog forget --user ada --yes
    """
    from mood_core.store.loading.tombstones import half_forgotten
    from mood_core.usecases.people.whom_to_forget import whom_to_forget

    with Workspace() as workspace:
        user_id = whom_to_forget(user, workspace.lake, workspace.database)
        if not yes:
            names = [account.display_name for account in workspace.accounts.all([user_id])]
            click.confirm(f"Forget {' '.join([*names, f'({user_id})'])} for good?", abort=True, err=True)
        try:
            with share_progress() as progress:
                report = workspace.forget(user_id, called=user, without=even_without, progress=progress)
        except KeyboardInterrupt:
            begun = user_id in half_forgotten(workspace.database)
            click.echo(f"Interrupted. {COMPLETE.format(plain(user_id)) if begun else 'Nothing was changed.'}", err=True)
            raise
    if as_json:
        click.echo(json.dumps({"user_id": user_id, **asdict(report)}))
    did = f"Forgot {user_id}"
    if report.forgotten_before:
        did = f"{user_id} was already forgotten on {report.forgotten_before}; what was left is removed"
    click.echo(
        f"{did}: {report.listens} listens; {report.rewritten} files rewritten, {report.removed} removed,"
        f" {report.read} read; {report.runs} rows of Prefect's history removed or blanked.",
        err=True,
    )
    for file in report.left:
        click.echo(plain(f"{file} may still contain their data: {_advice(file)}"), err=True)


def _advice(file: str) -> str:
    """What to do about a file that may still contain a forgotten person."""
    if file.endswith("-wal"):
        return "another program reads the database; close it and run any moodlog command"
    if "prefect.db: " in file:
        return "change or delete it in Prefect's pages"
    if file.endswith(".draft"):
        return "another run was writing it; if that run has ended, delete the file"
    return "this damaged database was replaced; delete the file"
