"""Names of flow runs that say what ran: for whom, which days, and whether for show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_MOST_NAMED = 3


def named(what: str) -> Callable[[], str]:
    """A name for Prefect to ask for when a run starts: ``what`` it does, and what its parameters narrow it to."""

    def name() -> str:
        from prefect.runtime import flow_run

        return described(what, flow_run.parameters)

    return name


def described(what: str, parameters: Mapping[str, Any]) -> str:
    """``what`` with those of ``parameters`` that a reader wants to know; without any it is everybody's."""
    parts = []
    if people := parameters.get("people"):
        more = f" and {len(people) - _MOST_NAMED} more" if len(people) > _MOST_NAMED else ""
        parts.append(f"for {', '.join(str(one) for one in people[:_MOST_NAMED])}{more}")
    for key, word in (("first_day", "from"), ("last_day", "to"), ("week", "of the week with")):
        if parameters.get(key):
            parts.append(f"{word} {parameters[key]}")
    if parameters.get("due_only"):
        parts.append("of those due")
    if parameters.get("dry_run"):
        parts.append("(dry run)")
    return " ".join([what, *parts])
