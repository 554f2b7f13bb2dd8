"""The tables of ``moodlog status`` for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from mood_core.domain.records import SERVICE_NAMES
from mood_core.store.loading.tombstones import BEING_FORGOTTEN
from mood_core.text.format import plural

COMPLETE = "The next run of anything completes it, or `moodlog forget --user {}` does now."
"""About an interrupted `forget`, with a person's id."""

_YEARS = 5
_DAY = len("2026-11-24")

Row = dict[str, Any]


def summary(state: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The most important rows by title; ``state`` is what ``moodlog status --json`` writes."""
    users = _problems_first(state["users"])
    listens = Counter[str]()
    for row in state["history"]:
        listens[row["user_id"]] += row["listens"] if row["source"] != "pending" else 0
    return {
        "Accounts": [_account(user) | {"listens": listens[user["user_id"]], **_newest(user)} for user in users],
        **_problems(users),
        **_moods(state["newest_listens"]),
        **_schedule(state.get("schedule")),
    }


def attention(state: Mapping[str, Any]) -> Iterator[str]:
    """Sentences about what has no section: possible gaps, pending and changed plays, and rate limits."""
    if gaps := sum(gap["filled_at"] is None for gap in state["gaps"]):
        yield f"Possible gaps: {plural(gaps)}. An import of your data from Spotify fills them."
    if pending := sum(row["listens"] for row in state["history"] if row["source"] == "pending"):
        yield f"Pending plays, whose track is not known yet: {plural(pending)}. The nightly run looks up their names."
    for user in state["users"]:
        if user["state_reason"] == BEING_FORGOTTEN:
            yield f"{user['display_name']} is only partly forgotten. {COMPLETE.format(user['user_id'])}"
        if changed := user["changed_plays"]:
            person, service = user["display_name"], SERVICE_NAMES[user["service"]]
            yield (
                f"{person}: {plural(changed, 'stored play')} deleted or edited at {service} since. "
                f"`moodlog users drop-changed {user['user_id']}` removes them; edited ones are read again."
            )
    for name, until in sorted(state["not_before"].items()):
        yield f"{name} is rate limited until {_local(until)}."


def sections(state: Mapping[str, Any]) -> dict[str, list[Row]]:
    """All rows by title, in the order in which they are shown; ``state`` is what ``moodlog status --json`` writes.

    Accounts with a problem come first.
    """
    users = _problems_first(state["users"])
    names = {user["user_id"]: user["display_name"] for user in users}
    zones = {user["user_id"]: user["timezone"] for user in users}
    return {
        "Accounts": [{"id": user["user_id"]} | _account(user) for user in users],
        **_problems(users),
        **_moods(state["newest_listens"]),
        **_schedule(state.get("schedule")),
        "Moods by feature source": [
            {"features from": row["feature_source"], **_mood(row)} for row in state["newest_listens"]["by_source"]
        ],
        "Pulling": [_pulling(user) for user in users],
        "History": [{"person": names.get(row["user_id"]), **_history(row)} for row in state["history"]],
        "Possible gaps": [
            {"person": names.get(gap["user_id"]), **_gap(gap, zones.get(gap["user_id"]))} for gap in state["gaps"]
        ],
        "Audio features by source": [_shares(row) for row in state["coverage"]],
        "Audio features by person": [
            {"person": row["display_name"], **_shares(row, without=("user_id", "display_name"))}
            for row in state["coverage_by_person"]
        ],
        "Audio features by year of release (the newest)": [_shares(row) for row in state["coverage_by_year"][:_YEARS]],
        "Sources that refuse this app": [
            row | {"unavailable_since": _local(row["unavailable_since"])} for row in state["unavailable_sources"]
        ],
        "Batches": state["batches"],
        "Calls in 24 hours": _calls(state),
    }


def _problems_first(users: list[Row]) -> list[Row]:
    return sorted(users, key=lambda user: not _problem(user))


def _problem(user: Row) -> str | None:
    problem: str | None = user["state_reason"] or user["last_problem"]
    return problem


def _problems(users: list[Row]) -> dict[str, list[Row]]:
    found = [{"person": user["display_name"], "problem": _problem(user)} for user in users if _problem(user)]
    return {"Problems": found}


def _account(user: Row) -> Row:
    return {
        "person": user["display_name"],
        "service": user["service"] if user["state"] != "unconnected" else None,
        "state": state_in_words(user["state"], user["state_reason"]),
        "days left": user["token_days_left"],
    }


def state_in_words(state: str, reason: str | None = None) -> str:
    """The state of an account for people: without a token, a history was imported (docs/states.md)."""
    if reason == BEING_FORGOTTEN:
        return "being forgotten"
    return "imported" if state == "unconnected" else state.replace("_", " ")


def _newest(user: Row) -> Row:
    return {"newest listen": _local(user["watermark"], user["timezone"])}


def _moods(newest: Mapping[str, Any]) -> dict[str, list[Row]]:
    """The share of listens with a mood by year of release: the newest years, the older ones together, and all.

    A single row is about all.
    """
    if not newest["listens"]:
        return {}
    years = newest["by_year"]
    dated = [row for row in years if row["release_year"].isdigit()]
    rows = [*dated[:_YEARS], *_together("older", dated[_YEARS:]), *_together("unknown", years[len(dated) :])]
    rows += _together("all", years) if len(rows) > 1 else []
    title = f"Moods of the newest {plural(newest['listens'], 'listen')}, by year of release"
    return {title: [{"released": row["release_year"], **_mood(row)} for row in rows]}


def _together(name: str, rows: list[Row]) -> list[Row]:
    listens, with_mood = (sum(row[column] for row in rows) for column in ("listens", "with_mood"))
    return (
        [{"release_year": name, "listens": listens, "with_mood": with_mood, "share": with_mood / listens}]
        if rows
        else []
    )


def _mood(row: Row) -> Row:
    return {"listens": row["listens"], "with a mood": _percent(row["share"])}


def _schedule(schedule: Mapping[str, Any] | None) -> dict[str, list[Row]]:
    """The next run of each schedule, and what prevents runs; empty if unknown."""
    if schedule is None:
        return {}
    due = sorted(schedule["next_runs"].items(), key=lambda item: (item[1] is None, item[1] or ""))
    last = schedule["last_successes"]
    rows = [
        {"run": name, "next": _local(at) or "not scheduled", "last success": _local(last.get(name))} for name, at in due
    ]
    return {"Schedule": rows, "Schedule problems": [{"problem": problem} for problem in schedule["problems"]]}


def _pulling(user: Row) -> Row:
    is_pulled = user["state"] == "active"
    return {
        "person": user["display_name"],
        **_newest(user),
        "last pulled": _local(user["last_pulled_at"], user["timezone"]),
        "every": f"{user['pull_every_minutes']} min" if is_pulled else None,
        "because": user["pull_reason"] if is_pulled else None,
    }


def _history(row: Row) -> Row:
    shown = {"source": row["source"], "listens": row["listens"]}
    return shown | {"first": row["first_at"][:_DAY], "last": row["last_at"][:_DAY]}


def _gap(gap: Row, zone: str | None) -> Row:
    filled = gap["filled_at"] and gap["filled_at"][:_DAY]
    return {"from": _local(gap["starts_at"], zone), "to": _local(gap["ends_at"], zone), "filled": filled}


def _calls(state: Mapping[str, Any]) -> list[Row]:
    waits = state["not_before"]
    return [
        {
            "endpoint": name,
            "calls": state["api_calls"].get(name, 0),
            "budget": state["api_budgets"].get(name),
            "rate limited until": _local(waits.get(name)),
        }
        for name in sorted(state["api_calls"] | waits)
    ]


def _shares(row: Row, without: tuple[str, ...] = ()) -> Row:
    """``row`` with its shares (0-1) in percent."""
    return {
        name: _percent(value) if name.endswith("share") else value for name, value in row.items() if name not in without
    }


def _percent(share: float) -> str:
    return f"{share:.0%}"


def _local(moment: str | None, zone: str | None = None) -> str | None:
    """An ISO time in ``zone``, by default this machine's, to the minute. Other text stays.

    A time of another offset than this machine's has it: it could look like the future.
    """
    if not moment or moment[10:11] != "T":
        return moment
    here = datetime.fromisoformat(moment).astimezone()
    there = here.astimezone(ZoneInfo(zone)) if zone else here
    is_same = there.utcoffset() == here.utcoffset()
    return (there.replace(tzinfo=None) if is_same else there).isoformat(" ", "minutes")
