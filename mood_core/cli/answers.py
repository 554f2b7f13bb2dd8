"""``moodlog answers``: what people answered, and what was learned from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT
from mood_core.cli.person_names import complete_person
from mood_core.cli.terminal import echo_json
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import accounts_called

if TYPE_CHECKING:
    from mood_core.usecases.answers.summary import AnswerSummary

_MOST_NAMES = 5


@click.command
@click.argument("person", required=False, shell_complete=complete_person)
@options.as_json_lines
def command(person: str | None, as_json: bool) -> None:
    """Show what PERSON, or everybody, answered, and what was learned: the agreement with the labels before and after.

    The first numbers are about the tracks that were drawn at random, so they hold for all tracks. Those by mood are
    about all questions, which are mostly about uncertain tracks.

    \b
    Examples:
      moodlog answers
      moodlog answers ada --json
    """
    with Workspace() as workspace:
        people = accounts_called(workspace.accounts, [person] if person else [])
        if not people:
            click.echo(NO_ACCOUNT, err=True)
        summaries = workspace.answer_summaries([account.user_id for account in people])
        found = [(account, summaries[account.user_id]) for account in people]
        if as_json:
            for account, summary in found:
                names = {"user_id": account.user_id, "display_name": account.display_name}
                echo_json(names | summary.as_dict())
        else:
            _show([(plain(account.display_name), summary) for account, summary in found])


def _show(found: list[tuple[str, AnswerSummary]]) -> None:
    for name, summary in found:
        if summary.tracks:
            first, *others = summary.sentences()
            click.echo(f"{name}: {first[0].lower()}{first[1:]}")
            for sentence in others:
                click.echo(f"  {sentence}")
    silent = [name for name, summary in found if not summary.tracks]
    if silent:
        names = f"{', '.join(silent[:_MOST_NAMES])}{' and others' if len(silent) > _MOST_NAMES else ''}"
        click.echo(f"No answers yet from {names}. `moodlog ask NAME` asks about the tracks whose answers teach most.")
