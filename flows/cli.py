"""The console script ``moodlog``: the commands of ``mood_core`` and those that run flows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import click

from mood_core.cli.main import COMMANDS, LazyGroup, set_up_logging

_FLOW_COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "demo": ("flows.commands.demo:command", "run the pipeline with simulated listeners: no account, no internet"),
        "run": ("flows.commands.run:command", "start the nightly run now"),
        "status": ("flows.commands.status:command", "show accounts, the schedule, gaps, coverage, batches and calls"),
        "doctor": ("flows.commands.doctor:command", "find problems and show their remedies"),
        "forget": ("flows.commands.forget:command", "delete all data of a person"),
        "serve": ("flows.commands.serve:command", "run all schedules on this machine"),
        "setup": ("flows.commands.setup:command", "prepare a Prefect server: work pool, alerts"),
    }
)


@click.group(
    cls=LazyGroup,
    lazy={**COMMANDS, **_FLOW_COMMANDS},
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
)
@click.option("-v", "--verbose", count=True, help="Log more to stderr: -v for steps, -vv for every detail.")
@click.version_option(package_name="moodlog", prog_name="moodlog")
@click.pass_context
def main(context: click.Context, verbose: int) -> None:
    """Keep a mood history of what people listen to on Spotify, in SQL.

    Try it with `moodlog demo`. Then connect an account or import the data that Spotify sends, and look at the moods.

    Settings are MOODLOG_* in the environment, .env or HOME/.env; data goes to stdout, progress and logs to stderr.
    Exit codes: 0 done, 1 failed, 2 wrong usage or input, 75 try again later, 77 reconnect, 78 configuration.
    """
    context.ensure_object(dict)["verbose"] = verbose
    set_up_logging(verbose)


if __name__ == "__main__":
    main()
