"""The command group: imports a command when it runs, and turns errors into one line and an exit code."""

from __future__ import annotations

import errno
import gc
import importlib
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

from mood_core.cli.terminal import fit_streams
from mood_core.errors import InputError, MoodlogError
from mood_core.text.hints import did_you_mean

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "connect": ("mood_core.cli.connect:command", "connect an account of Spotify, ListenBrainz or Last.fm"),
        "reconnect": ("mood_core.cli.connect:reconnect", "renew the permission of a connected account"),
        "users": ("mood_core.cli.users:command", "list, pause, resume, rename people; set their time zone"),
        "keys": ("mood_core.cli.keys:command", "rotate the key that encrypts tokens"),
        "export": ("mood_core.cli.export:command", "write all data of a person to a zip"),
        "forget": ("mood_core.cli.forget:command", "delete all data of a person"),
        "import": (
            "mood_core.cli.import_history:command",
            "import a history that Spotify, ListenBrainz or Last.fm sent",
        ),
        "history": ("mood_core.cli.history:command", "show a person's moods"),
        "ask": ("mood_core.cli.ask:ask", "answer what mood your tracks have, one key a track"),
        "answer": ("mood_core.cli.ask:answer", "record a person's answer about a track"),
        "answers": ("mood_core.cli.answers:command", "show answers, and what was learned from them"),
        "report": ("mood_core.cli.report:command", "write a page of moods"),
        "recap": (
            "mood_core.cli.recap:command",
            "summarise a week, month or year in sentences and a picture",
        ),
        "web": ("mood_core.cli.web:command", "serve the moods as live pages on this machine"),
        "browse": ("mood_core.cli.browse:command", "open the database in Datasette, read-only"),
        "status": ("mood_core.cli.status:command", "show accounts, gaps, coverage, batches and calls"),
        "statistics": ("mood_core.cli.statistics:command", "count the moods of all people by Apache Spark"),
        "predict": ("mood_core.cli.predict:command", "show the mood of given tracks"),
        "dataset": ("mood_core.cli.dataset:command", "collect labelled tracks from playlists"),
        "train": ("mood_core.cli.train:command", "train a mood model on labelled tracks"),
        "evaluate": ("mood_core.cli.evaluate:command", "measure the training recipe or a saved model"),
        "promote": ("mood_core.cli.promote:command", "make a new model the current one, if it is better"),
        "relabel": ("mood_core.cli.relabel:command", "label everything again with another model"),
        "rebuild": ("mood_core.cli.rebuild:command", "rebuild SQL from the Parquet lake"),
        "move": ("mood_core.cli.move:command", "move to another database, SQLite or PostgreSQL"),
        "partition": ("mood_core.cli.partition:command", "divide listens on PostgreSQL into partitions"),
        "backup": ("mood_core.cli.backup:command", "copy database, lake and models while moodlog runs"),
        "verify": ("mood_core.cli.verify:command", "compare lake, ledger and SQL"),
        "compact": ("mood_core.cli.compact:command", "merge small Parquet files"),
        "audio": ("mood_core.cli.audio:command", "estimate audio features from your own audio files"),
        "catalog": ("mood_core.cli.catalog:command", "use files of audio features"),
    }
)
"""The commands of this package by name, with their location (``module:object``) and one line of help."""

_SECTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Start": ("demo", "connect", "import", "run", "serve"),
        "Look": ("history", "web", "report", "recap", "browse", "status", "statistics"),
        "Answer": ("ask", "answer", "answers"),
        "People": ("users", "reconnect", "export", "forget"),
        "Data": (),
        "Model": ("predict", "dataset", "train", "evaluate", "promote", "relabel"),
        "Upkeep": ("doctor", "verify", "backup", "rebuild", "compact", "move", "partition", "keys", "setup"),
    }
)
"""The commands in the order of ``--help``. The section Data has all that are not named here."""


_NEW_OBJECTS = 100_000
"""So many new objects start a garbage collection. With Python's 700, it took a fifth of the CPU of a long table, whose
rows are all in use, and a twentieth of the imports."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they run, so that ``--help`` and light commands are fast."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order in which they are declared."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command called ``cmd_name``."""
        module, _, name = self._lazy.get(cmd_name, ("", ""))[0].partition(":")
        return getattr(importlib.import_module(module), name) if module else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands by section, without importing one."""
        named = {name for names in _SECTIONS.values() for name in names}
        for title, names in _SECTIONS.items():
            shown = [name for name in names or self._lazy if name in self._lazy and (names or name not in named)]
            with formatter.section(title):
                formatter.write_dl([(name, self._lazy[name][1]) for name in shown])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of ``args``; an unknown name is a usage error that names similar ones."""
        if args and args[0] not in self._lazy and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}.{did_you_mean(args[0], self._lazy)}")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that start with ``incomplete``, without importing a command."""
        names = [
            CompletionItem(name, help=text) for name, (_, text) in self._lazy.items() if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line; text that the terminal's encoding cannot write is shown by similar signs."""
        gc.set_threshold(_NEW_OBJECTS)
        fit_streams()
        return super().main(*args, **kwargs)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command."""
        try:
            with _one_style():
                return super().parse_args(ctx, args)
        except InputError as error:
            click.echo(f"moodlog: {error.message}", err=True)
            ctx.exit(error.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes one line on stderr and its exit code."""
        try:
            with _one_style():
                return super().invoke(ctx)
        except (MoodlogError, OSError) as raised:
            if isinstance(raised, OSError) and raised.errno == errno.EPIPE:  # the reader of the output has ended
                raise
            error = raised if isinstance(raised, MoodlogError) else _system_error(raised)
            if ctx.params.get("verbose"):
                logging.getLogger(__name__).exception("the command failed")
            click.echo(f"moodlog: {error.message}", err=True)
            ctx.exit(error.exit_code)


@contextmanager
def _one_style() -> Iterator[None]:
    """Turn click's errors into moodlog's own, which have one line."""
    try:
        yield
    except NoArgsIsHelpError:
        raise
    except click.ClickException as error:
        message, context = _with_question(error), getattr(error, "ctx", None)
        if context is not None:
            end = "" if message.endswith(("?", ".")) else "."
            message = f"{message}{end} See `{context.command_path} --help`."
        kind = InputError if isinstance(error, click.UsageError) else MoodlogError
        raise kind(message) from None


def _with_question(error: click.ClickException) -> str:
    """The error's message with what is similar to the wrong word, in the same form for every kind of word."""
    possible = getattr(error, "possibilities", None)  # options, and commands of a group
    if possible:
        word = getattr(error, "option_name", None) or getattr(error, "command_name", "")
        return f"{error.message.rstrip('.')}.{did_you_mean(str(word), possible)}"
    kind = getattr(getattr(error, "param", None), "type", None)
    if isinstance(kind, click.Choice) and error.message.startswith("'"):
        wrong = error.message.split("'")[1]
        return f"{error.format_message()}{did_you_mean(wrong, kind.choices)}"
    return error.format_message()


def _system_error(error: OSError) -> MoodlogError:
    """The error for a full disk, a folder without permission or a name that is too long."""
    reason = f"{error.filename or 'a file'}: {error.strerror or error}"
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        reason = str(error.args[0][0][-1])  # the first of several files
    remedy = "use a shorter name" if error.errno == errno.ENAMETOOLONG else "make room or give permission"
    return MoodlogError(f"{reason}; {remedy}, and run it again")


def set_up_logging(verbose: int) -> None:
    """Log to stderr: warnings, steps with the time and the module with -v, every detail except secrets with -vv.

    Only moodlog's own loggers are set up: Prefect sets up the root logger.
    """
    handler = logging.StreamHandler()
    details = "%(asctime)s %(levelname)s %(name)s: " if verbose else "%(levelname)s: "
    handler.setFormatter(logging.Formatter(f"{details}%(message)s"))
    for name in ("mood_core", "flows"):
        logger = logging.getLogger(name)
        logger.setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)])
        logger.handlers = [handler]
        logger.propagate = False
