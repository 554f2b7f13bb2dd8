"""``moodlog ask`` and ``moodlog answer``: what a person calls their tracks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mood_core.app.workspace import Workspace
from mood_core.cli import options
from mood_core.cli.person_names import complete_person
from mood_core.cli.single_keys import single_keys
from mood_core.cli.terminal import echo_json
from mood_core.domain.answers import NONE, UNDONE, AskedBecause, answer_of
from mood_core.domain.records import MOODS, to_ms
from mood_core.domain.spotify_ids import parse_track_ref
from mood_core.errors import InputError
from mood_core.text.format import plural
from mood_core.text.sanitise import plain
from mood_core.usecases.people.manage_users import the_only_account

if TYPE_CHECKING:
    from mood_core.domain.answers import MoodAnswer
    from mood_core.usecases.answers.ask import Question

_BY_KEY = {mood[0].lower(): mood for mood in MOODS}
_KEYS = "  ".join(f"{key} {mood}" for key, mood in _BY_KEY.items())
_HELP = f"{_KEYS}  n none of these  t two moods  space skip  u undo  q quit"
_UNDO = "undo"


@click.command
@click.argument("person", required=False, shell_complete=complete_person)
@click.option("--count", default=20, type=options.Integer(1, 1000), help="Number of tracks to ask about.")
@options.as_json_lines
def ask(person: str | None, count: int, as_json: bool) -> None:
    """Ask PERSON what mood their tracks have, one key a track.

    An answer immediately becomes the label of all their listens of the track. Most questions are about tracks that are
    uncertain and often heard; some are drawn at random, for a score without bias. Each answer is stored before the next
    question, so you can stop at any time.

    \b
    Examples:
      moodlog ask
      moodlog ask ada --count 50
      moodlog ask ada --json
    """
    with Workspace() as workspace:
        account = the_only_account(workspace.accounts, person)
        found = workspace.questions(account.user_id, count)
        if as_json:
            for question in found:
                echo_json(question.as_dict())
        elif not found:
            click.echo("There is no track to ask about: none has a label yet, or all are answered.", err=True)
        elif not sys.stdin.isatty():
            raise InputError(
                "`moodlog ask` needs a terminal; `moodlog ask --json` lists the tracks, and"
                " `moodlog answer PERSON TRACK MOOD` records an answer"
            )
        else:
            with single_keys() as read_key:
                _Session(workspace, account.user_id, found).run(read_key)


@click.command
@click.argument("person", shell_complete=complete_person)
@click.argument("track")
@click.argument("moods", nargs=-1, required=True)
@click.option(
    "--because",
    type=click.Choice([each.value for each in AskedBecause]),
    default=AskedBecause.VOLUNTEERED.value,
    help="Why the track was asked about, as `moodlog ask --json` says; only such answers teach.",
)
@options.as_json
def answer(person: str, track: str, moods: tuple[str, ...], because: str, as_json: bool) -> None:
    """Record that PERSON calls TRACK by one or two MOODS, 'none' or, to take the answer back, 'undo'.

    TRACK is an id, a link or a URI of a track that the person heard. Of two moods the first one leads.

    \b
    Examples:
      moodlog answer ada 4uLU6hMCjMI75M1A2tKUQC happy
      moodlog answer ada https://open.spotify.com/track/4uLU6hMCjMI75M1A2tKUQC calm sad
      moodlog answer ada 4uLU6hMCjMI75M1A2tKUQC undo
    """
    track_id = parse_track_ref(track) or track
    with Workspace() as workspace:
        user_id = the_only_account(workspace.accounts, person).user_id
        if [word.lower() for word in moods] in ([_UNDO], [UNDONE]):
            undone = workspace.undo_answer(user_id, track_id)
            if undone is None:
                raise InputError(f"{person} has no answer about {track_id} to take back")
            _report(undone, as_json=as_json, undone=True)
        else:
            given = workspace.answer(user_id, track_id, answer_of(moods), because=AskedBecause(because))
            _report(given, as_json=as_json)


def _report(given: MoodAnswer, *, as_json: bool, undone: bool = False) -> None:
    if as_json:
        current = UNDONE if undone else given.answer
        words = {"user_id": given.user_id, "track_id": given.track_id, "answer": current}
        echo_json(words | {"asked_because": given.asked_because, "answered_at_ms": to_ms(given.answered_at)})
    else:
        what = f"no longer {given.answer}: the model's label counts again" if undone else given.answer
        click.echo(f"{plain(given.track_id)}: {what}", err=True)


class _Session:
    """Asks the questions one after the other, and stores each answer before the next question."""

    def __init__(self, workspace: Workspace, user_id: str, questions: list[Question]) -> None:
        from mood_core.usecases.answers.sittings import new_sitting

        self._workspace, self._user_id, self._questions = workspace, user_id, questions
        self._sitting = new_sitting(questions)

    def run(self, read_key: Callable[[], str]) -> None:
        """Ask until a key after the last question, or the key q; Ctrl-C ends it too, and every answer is stored."""
        click.echo(_HELP)
        try:
            while self._goes_on(read_key):
                pass
        except (KeyboardInterrupt, EOFError):
            click.echo()
        many = plural(len(self._sitting.answered), "answer")
        click.echo(f"{many} stored; `moodlog answers` shows what was learned from them.")

    def _goes_on(self, read_key: Callable[[], str]) -> bool:
        if self._sitting.current is None:
            return self._undoes_at_the_end(read_key)
        self._show(self._questions[self._sitting.place])
        return self._take(read_key)

    def _undoes_at_the_end(self, read_key: Callable[[], str]) -> bool:
        """Whether the latest answer is undone after the last question."""
        if self._sitting.latest is None:
            return False
        click.echo("\nThat was the last question.  u undo the latest answer  any other key ends")
        if read_key().lower() != "u":
            return False
        self._undo()
        return True

    def _show(self, question: Question) -> None:
        heard = plural(question.listens, "listen")
        place = f"{self._sitting.place + 1}/{len(self._questions)}"
        click.echo(f"\n{place}  {plain(question.track)} - {plain(question.artists)}")
        click.echo(f"   {heard}  {question.link or 'a local file'}")

    def _take(self, read_key: Callable[[], str]) -> bool:
        """Read keys until one answers, skips or undoes; False for quit."""
        while True:
            key = read_key().lower()
            if key in ("q", "\x04"):
                return False
            if key == " ":
                self._sitting = self._sitting.forward(answered=False)
                return True
            if key == "u":
                self._undo()
                return True
            given = self._answer_of(key, read_key)
            if given is not None:
                self._store(given)
                return True
            click.echo(f"   {_HELP}")

    def _answer_of(self, key: str, read_key: Callable[[], str]) -> str | None:
        if key == "n":
            return NONE
        if key != "t":
            return _BY_KEY.get(key)
        click.echo("   two moods, the leading one first: ", nl=False)
        moods = [_BY_KEY.get(read_key().lower()) for _ in range(2)]
        if None in moods or moods[0] == moods[1]:
            click.echo("these are not two different moods")
            return None
        return "|".join(mood for mood in moods if mood)

    def _store(self, given: str) -> None:
        taken = self._workspace.take_answer(self._sitting, self._user_id, given)
        if taken is not None:
            self._sitting = taken.sitting
            is_new = taken.counts.answer == given
            click.echo(f"   {'' if is_new else 'answered elsewhere: '}{taken.counts.answer.replace('|', ', then ')}")

    def _undo(self) -> None:
        if self._sitting.latest is None:
            click.echo("   there is no answer of this sitting to undo")
            return
        self._sitting = self._workspace.take_back(self._sitting, self._user_id)
        click.echo("   undone; asked again:")
