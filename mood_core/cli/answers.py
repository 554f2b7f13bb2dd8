"""``moodlog answers``: what people answered, and what was learned from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.messages import NO_ACCOUNT
from mood_core.cli.terminal import echo_json
from mood_core.domain.learning import FEWEST_ANSWERS
from mood_core.text.format import plural
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import accounts_called

if TYPE_CHECKING:
    from mood_core.usecases.answers.summary import AnswerSummary


@click.command
@click.argument("person", required=False)
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
        for account in people:
            found = workspace.answer_summary(account.user_id)
            if as_json:
                echo_json({"user_id": account.user_id, "display_name": account.display_name} | found.as_dict())
            else:
                _show(plain(account.display_name), found)


def _show(name: str, found: AnswerSummary) -> None:
    by_reason = ", ".join(f"{count} {reason}" for reason, count in found.by_reason.items())
    click.echo(f"{name}: answers about {plural(found.tracks, 'track')}{f' ({by_reason})' if by_reason else ''}.")
    if found.scores is None:
        missing = max(0, FEWEST_ANSWERS - found.usable)
        if found.tracks:
            more = f"{plural(missing, 'more answer')} to questions of `moodlog ask`" if missing else "the next run"
            click.echo(f"  Nothing was learned yet: that needs {more}.")
        return
    scores, random = found.scores, found.scores["at_random"]
    click.echo(f"  {found.version}: {'in use' if found.promoted else 'not better than the model, so not used'}.")
    for when in ("before", "after"):
        low, high = scores[f"{when}_low"], scores[f"{when}_high"]
        of = f"{random[when]} of {random['answers']} tracks drawn at random"
        click.echo(f"  Agreement {when}: {of} (90% interval {low:.0%} to {high:.0%}).")
    gain, error = scores["log_loss_gain"], scores["log_loss_gain_se"]
    click.echo(f"  Log loss: {scores['log_loss_before']:.2f} before; gain {gain:+.2f} ± {error:.2f}.")
    for mood, one in scores["by_mood"].items():
        if one["answers"]:
            click.echo(
                f"  {mood}: {one['before']} before, {one['after']} after, of {plural(one['answers'], 'answer')}."
            )
