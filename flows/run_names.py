"""Names of flow runs with the parameters that narrow them: people, days, dry run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_MOST_NAMED = 3


def run_name(what: str) -> Callable[[], str]:
    """A function that Prefect calls when a run starts: ``what`` it does, for which parameters."""

    def name() -> str:
        from prefect.runtime import flow_run

        return described(what, flow_run.parameters)

    return name


def described(what: str, parameters: Mapping[str, Any]) -> str:
    """``what`` followed by the parameters that narrow a run; a run without them is for all people and days."""
    parts = []
    if people := parameters.get("people"):
        more = f" and {len(people) - _MOST_NAMED} more" if len(people) > _MOST_NAMED else ""
        parts.append(f"for {', '.join(str(one) for one in people[:_MOST_NAMED])}{more}")
    for key, word in (("first_day", "from"), ("last_day", "to"), ("week", "of the week with")):
        if parameters.get(key):
            parts.append(f"{word} {parameters[key]}")
    for key, word in (
        ("due_only", "of due accounts"),
        ("ask_again", "again"),
        ("dry_run", "(dry run)"),
    ):
        if parameters.get(key):
            parts.append(word)
    return " ".join([what, *parts])
