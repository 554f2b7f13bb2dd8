"""The tables of ``moodlog status`` for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_YEARS = 5
_DAY = len("2026-11-24")

Row = dict[str, Any]


def sections(state: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Rows by title, in the order in which they are shown; ``state`` is what ``moodlog status --json`` writes.

    Accounts with a problem come first.
    """
    users = sorted(state["users"], key=lambda user: not _problem(user))
    return {
        "Accounts": [_account(user) for user in users],
        **_schedule(state.get("schedule")),
        "Problems": [{"id": user["user_id"], "problem": _problem(user)} for user in users if _problem(user)],
        "Pulling": [_pulling(user) for user in users],
        "History": [_history(row) for row in state["history"]],
        "Possible gaps": [_gap(gap) for gap in state["gaps"]],
        "Audio features by source": state["coverage"],
        "Audio features by person": [
            {name: value for name, value in row.items() if name != "user_id"} for row in state["coverage_by_person"]
        ],
        "Audio features by year of release (the newest)": state["coverage_by_year"][:_YEARS],
        "Sources that refuse this app": state["unavailable_sources"],
        "Batches": state["batches"],
        "Calls in 24 hours": _calls(state),
    }


def _problem(user: Row) -> str | None:
    problem: str | None = user["state_reason"] or user["last_problem"]
    return problem


def _account(user: Row) -> Row:
    return {
        "id": user["user_id"],
        "person": user["display_name"],
        "from": user["service"],
        "state": user["state"].replace("_", " "),
        "days left": user["token_days_left"],
    }


def _schedule(schedule: Mapping[str, Any] | None) -> dict[str, list[Row]]:
    """The next run of each schedule, and what prevents runs; empty if unknown."""
    if schedule is None:
        return {}
    due = sorted(schedule["next_runs"].items(), key=lambda item: (item[1] is None, item[1] or ""))
    last = schedule["last_successes"]
    rows = [
        {"run": name, "next (UTC)": _minute(at) or "not scheduled", "last success": _minute(last.get(name))}
        for name, at in due
    ]
    return {"Schedule": rows, "Schedule problems": [{"problem": problem} for problem in schedule["problems"]]}


def _pulling(user: Row) -> Row:
    is_pulled = user["state"] == "active"
    return {
        "person": user["display_name"],
        "newest listen": _minute(user["watermark"]),
        "last pulled": _minute(user["last_pulled_at"]),
        "every": f"{user['pull_every_minutes']} min" if is_pulled else None,
        "because": user["pull_reason"] if is_pulled else None,
    }


def _history(row: Row) -> Row:
    shown = {"id": row["user_id"], "source": row["source"], "listens": row["listens"]}
    return shown | {"first": row["first_at"][:_DAY], "last": row["last_at"][:_DAY]}


def _gap(gap: Row) -> Row:
    filled = gap["filled_at"] and gap["filled_at"][:_DAY]
    return {"id": gap["user_id"], "from": _minute(gap["starts_at"]), "to": _minute(gap["ends_at"]), "filled": filled}


def _calls(state: Mapping[str, Any]) -> list[Row]:
    waits = state["not_before"]
    return [
        {
            "endpoint": name,
            "calls": state["api_calls"].get(name, 0),
            "budget": state["api_budgets"].get(name),
            "rate limited until": _minute(waits.get(name)),
        }
        for name in sorted(state["api_calls"] | waits)
    ]


def _minute(moment: str | None) -> str | None:
    return moment and (moment[:16].replace("T", " ") if moment[10:11] == "T" else moment)
