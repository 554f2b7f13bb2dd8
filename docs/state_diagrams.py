"""Writes docs/states.md and its pictures by running moodlog's code: each event in each state, and where it leads.

``python docs/state_diagrams.py`` writes the page; with ``--check`` it fails where the page is not current.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mood_core.domain.records import Listen, ListenSource, User
from mood_core.errors import MoodlogError
from mood_core.lake import Lake, open_lake
from mood_core.lake.arrow_tables import to_table, users_table
from mood_core.lake.schema import LISTENS, USERS
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.named_queries import query
from mood_core.store.loading import ledger
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.store.queries.token_rows import TokenRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.people.manage_users import set_paused
from mood_core.usecases.upkeep.compact import compact

PAGE = Path(__file__).with_name("states.md")
_NOW = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
_USER = "ada"
_STEP = 170

Transition = tuple[str, str, str]
"""State, event, next state."""
Event = Callable[[Database, Lake], object]


def _walk(start: str, events: dict[str, Event], state_of: Callable[[Database, Lake], str]) -> list[Transition]:
    """Every transition that can be reached from ``start``, found by doing it."""
    found: list[Transition] = []
    paths: dict[str, list[str]] = {start: []}
    waiting = [start]
    while waiting:
        state = waiting.pop(0)
        for name in events:
            after = _after([*paths[state], name], events, state_of)
            if after != state:
                found.append((state, name, after))
            if after not in paths:
                paths[after] = [*paths[state], name]
                waiting.append(after)
    return found


def _after(names: list[str], events: dict[str, Event], state_of: Callable[[Database, Lake], str]) -> str:
    with tempfile.TemporaryDirectory() as folder, closing(open_database(f"sqlite:///{folder}/moodlog.db")) as database:
        migrate(database, now=_NOW)
        lake = open_lake(f"{folder}/lake")
        Batches(lake, database).add(USERS, users_table([User(_USER, "Ada", "UTC", _NOW)], recorded_at=_NOW), now=_NOW)
        for name in names:
            with suppress(MoodlogError):  # refused: the state stays
                events[name](database, lake)
        return state_of(database, lake)


def _version(database: Database) -> int:
    stored = TokenRows(database).read(_USER)
    return stored.version if stored else 0


def _account_state(database: Database, _lake: Lake) -> str:
    accounts = Accounts(database).all()
    if not accounts:
        return "forgotten"
    return accounts[0].state


def _pause(paused: bool) -> Event:
    return lambda database, _lake: [
        set_paused(each, Accounts(database), paused=paused) for each in Accounts(database).all()
    ]


_ACCOUNT: dict[str, Event] = {
    "connect, reconnect": lambda database, _: TokenRows(database).write(
        _USER, b"t", authorised_at=_NOW, expected_version=None
    ),
    "the token is refused": lambda database, _: TokenRows(database).mark_reauthorisation_needed(
        _USER, "invalid_grant", expected_version=_version(database)
    ),
    "the token is refreshed": lambda database, _: TokenRows(database).write(
        _USER, b"t", authorised_at=_NOW, expected_version=_version(database)
    ),
    "users pause": _pause(True),  # noqa: FBT003
    "users resume": _pause(False),  # noqa: FBT003
    "forget begins": lambda database, _: PersonErasure(database).begin(_USER, "here:1:x", now=_NOW),
    "forget ends": lambda database, _: PersonErasure(database).end(_USER, []),
}


def _lease_state(database: Database, _lake: Lake) -> str:
    owner = database.scalar(query("lease_owners"))
    return f"held by {owner.rpartition(':')[2]}" if owner else "free"


def _acquire(owner: str, after: timedelta) -> Event:
    def event(database: Database, _lake: Lake) -> None:
        if not Accounts(database).all()[0].authorised_at:
            TokenRows(database).write(_USER, b"t", authorised_at=_NOW, expected_version=None)
        Accounts(database).leases.acquire([_USER], f"elsewhere:1:{owner}", now=_NOW + after, for_s=600)

    return event


_LEASE: dict[str, Event] = {
    "run A acquires or renews": _acquire("run A", timedelta()),
    "run B tries to acquire": _acquire("run B", timedelta()),
    "run B acquires after the lease expired": _acquire("run B", timedelta(minutes=11)),
    "run A releases": lambda database, _: Accounts(database).leases.release("elsewhere:1:run A"),
    "run B releases": lambda database, _: Accounts(database).leases.release("elsewhere:1:run B"),
}


def _batch_state(database: Database, lake: Lake) -> str:
    loaded = {row.path for row in ledger.entries(database).values() if row.dataset == LISTENS.name}
    present = set(lake.paths("listens"))
    if not present:
        return "collected" if not loaded else "lost"
    if present - loaded:
        return "published"
    return "compacted" if any(lake.replaces(path) for path in present) else "loaded"


def _publish(_database: Database, lake: Lake) -> None:
    for minute in (0, 1):
        at = _NOW - timedelta(days=40) + timedelta(minutes=minute)
        listens = to_table(LISTENS, [Listen(_USER, at, f"{minute}" * 22, ListenSource.RECENTLY_PLAYED)])
        if not lake.paths("listens") or len(lake.paths("listens")) < minute + 1:
            lake.write(LISTENS, listens, created_at=at)


_BATCH: dict[str, Event] = {
    "publish the file": _publish,
    "load rows and ledger entry": lambda database, lake: Batches(lake, database).finish(now=_NOW, everywhere=True),
    "compact": lambda database, lake: compact(lake, database, now=_NOW),
}


_MACHINES = (
    (
        "An account",
        "Only an active account is pulled. `unconnected`: a history was imported, no token is stored.",
        "unconnected",
        _ACCOUNT,
        _account_state,
    ),
    (
        "The lease of an account",
        "A run holds the lease of an account while it pulls it. A lease lasts 10 minutes and is renewed while the run"
        " works. Leases of dead processes on the same host are released at once.",
        "free",
        _LEASE,
        _lease_state,
    ),
    (
        "A batch",
        "Parquet first, then rows and ledger entry in one transaction. The next run loads what a crash left published.",
        "collected",
        _BATCH,
        _batch_state,
    ),
)


def files() -> dict[Path, str]:
    """The page and its pictures, by path."""
    sections = {title: _walk(start, events, state_of) for title, _, start, events, state_of in _MACHINES}
    intro = (
        "# States\n\nGenerated by `python docs/state_diagrams.py`, which runs every event in every state."
        " `make docs` fails if this page is not current.\n"
    )
    text_of = {title: about for title, about, *_ in _MACHINES}
    made = {PAGE: "\n".join([intro, *(_section(title, text_of[title], found) for title, found in sections.items())])}
    return made | {PAGE.parent / "images" / _image(title): picture(title, found) for title, found in sections.items()}


def _section(title: str, about: str, transitions: list[Transition]) -> str:
    rows = [
        f"| {number} | {before} | {event} | {after} |" for number, (before, event, after) in enumerate(transitions, 1)
    ]
    table = ["| arrow | state | event | next state |", "|---|---|---|---|", *rows]
    return "\n".join(
        [f"## {title}\n", f"{about}\n", f"![The states of: {title}](images/{_image(title)})\n", *table, ""]
    )


def _image(title: str) -> str:
    return f"states-{title.lower().replace(' ', '-')}.svg"


def picture(title: str, transitions: list[Transition]) -> str:
    """States in a row; arrows to the right are above, arrows to the left below, numbered as in the table."""
    names = list(dict.fromkeys(state for before, _, after in transitions for state in (before, after)))
    arrows: dict[tuple[str, str], list[str]] = {}
    for number, (before, _, after) in enumerate(transitions, 1):
        arrows.setdefault((before, after), []).append(str(number))
    width, middle = _STEP * len(names), 40 + 26 * len(names)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {2 * middle}" font-family="sans-serif"'
        f' font-size="13" role="img" aria-label="The states of: {title}">',
        '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
        f'<rect width="{width}" height="{2 * middle}" fill="#fff"/>',
    ]
    for (before, after), numbers in arrows.items():
        start, end = (_STEP * names.index(name) + _STEP // 2 for name in (before, after))
        side = -1 if end > start else 1
        tip = middle + side * (22 + 24 * abs(end - start) // _STEP)
        edge = middle + side * 18
        control = 2 * tip - edge
        lines.append(
            f'<path d="M{start - 14 * side} {edge}Q{(start + end) // 2} {control} {end + 14 * side} {edge}"'
            ' fill="none" stroke="#555" marker-end="url(#to)"/>'
        )
        label = tip - 4 if side < 0 else tip + 14
        lines.append(f'<text x="{(start + end) // 2}" y="{label}" text-anchor="middle">{", ".join(numbers)}</text>')
    for place, name in enumerate(names):
        left = _STEP * place + 6
        box = f'x="{left}" y="{middle - 18}" width="{_STEP - 12}" height="36" rx="8"'
        lines.append(f'<rect {box} fill="#e8eef7" stroke="#335"/>')
        lines.append(f'<text x="{left + _STEP // 2 - 6}" y="{middle + 5}" text-anchor="middle">{name}</text>')
    return "\n".join([*lines, "</svg>", ""])


def main() -> int:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="Fail where the page is not current; write nothing.")
    check = parser.parse_args().check
    for path, made in files().items():
        if not check:
            path.write_text(made, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != made:
            sys.stderr.write(f"{path} is not current; run `python docs/state_diagrams.py`\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
