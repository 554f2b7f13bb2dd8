"""The plan of docs/scale.md on paper: what 10^5 to 10^8 people need, from costs that the other benchmarks measured.

``python -m tests.benchmarks.bench_scale_plan [LISTENS]`` prints the tables of the page. How often people are pulled is
simulated with moodlog's own schedule. With LISTENS, it also makes a home with that many and measures the bytes of one.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from mood_core.domain.poll_schedule import HALF_WINDOW, LOOK_BACK, Pace, interval
from mood_core.lake import Lake, open_lake
from mood_core.lake.schema import LISTENS, Dataset
from mood_core.store import open_database
from mood_core.store.engine.migrate import migrate
from mood_core.usecases.batches import Batches
from mood_core.usecases.upkeep.compact import compact
from tests.benchmarks.bench_store_load import say
from tests.benchmarks.bench_store_queries import NOW
from tests.benchmarks.listening import context, listens
from tests.sealed import run_sealed

PEOPLE = (10**5, 10**6, 10**7, 10**8)
A_CELL = 10**6
_DAY_S, _YEAR = 86_400, 365
_SAMPLE = 4_000


@dataclass(frozen=True, slots=True)
class Measured:
    """Costs from docs/benchmarks.md, on one core of the machine there."""

    pull_ms: float = 6.1
    refresh_ms: float = 1.8
    response_kb: float = 88.0
    sqlite_bytes: float = 30.6
    postgresql_bytes: float = 120.8
    lake_bytes: float = 10.9
    label_us: float = 117.0
    load_us: float = 5.2
    due_ms: float = 29.5  # finding who is due among a million accounts


@dataclass(frozen=True, slots=True)
class Assumed:
    """What nobody has measured: the load, and the limits of services."""

    listens_a_year: int = 1_000
    session: int = 10
    minutes_a_play: float = 3.5
    spread: float = 1.2  # of the logarithm of a person's listens
    tracks_of_1000: int = 200_000  # as in the generated data
    tracks_exponent: float = 0.6
    all_tracks: int = 150_000_000
    accounts_a_batch: int = 100
    tracks_a_call: int = 40
    permission_days: float = 182.5
    partitions: int = 64


MEASURED, ASSUMED = Measured(), Assumed()


@dataclass(frozen=True, slots=True)
class Plan:
    """What so many people need."""

    people: int

    @property
    def listens_a_year(self) -> int:
        """Listens a year."""
        return self.people * ASSUMED.listens_a_year

    @property
    def pulls_a_day(self) -> float:
        """Pulls a day; each is one call for the window and one for the token."""
        return self.people * pulls_of_a_person()

    @property
    def cores(self) -> float:
        """Cores that are busy with pulls and tokens, all day."""
        return self.pulls_a_day * (MEASURED.pull_ms + MEASURED.refresh_ms) / 1000 / _DAY_S

    @property
    def tracks(self) -> float:
        """Different tracks of a year."""
        grown = (self.people / 1000) ** float(ASSUMED.tracks_exponent)
        return float(min(ASSUMED.tracks_of_1000 * grown, ASSUMED.all_tracks))

    @property
    def cells(self) -> int:
        """Groups of people with a database and a prefix of the lake each."""
        return math.ceil(self.people / A_CELL)


def pulls_of_a_person() -> float:
    """The mean of the pulls a day by moodlog's schedule."""
    return sum(_a_day(pace) for pace in paces()) / _SAMPLE


def pulls_of_the_silent() -> float:
    """The part of :func:`pulls_of_a_person` that is for people without plays in two weeks."""
    return sum(_a_day(pace) for pace in paces() if not pace.plays) / _SAMPLE


def _a_day(pace: Pace) -> float:
    return timedelta(days=1) / interval(pace)


@cache
def paces(seed: int = 22) -> list[Pace]:
    """Simulate two weeks of a sample of people."""
    random = np.random.default_rng(seed)
    rates = random.lognormal(0.0, ASSUMED.spread, _SAMPLE)
    rates *= ASSUMED.listens_a_year / _YEAR / rates.mean()
    return [_pace(random, float(rate)) for rate in rates]


def _pace(random: np.random.Generator, plays_a_day: float) -> Pace:
    """The pace of two weeks in which sessions of ten plays begin at any time of 16 hours a day."""
    days = LOOK_BACK.days
    sessions = random.poisson(plays_a_day * days / ASSUMED.session)
    starts = random.integers(0, days, sessions) * 1440.0 + random.uniform(7 * 60, 23 * 60, sessions)
    plays = np.sort((starts[:, None] + np.arange(ASSUMED.session) * ASSUMED.minutes_a_play).ravel())
    spans = plays[HALF_WINDOW:] - plays[:-HALF_WINDOW]
    return Pace(len(plays), timedelta(minutes=float(spans.min())) if len(spans) else None)


Row = tuple[str, Callable[[Plan], str]]


def _number(value: float) -> str:
    """``value`` to two digits, with a word for millions and more."""
    if value < 100:
        return f"{value:.2g}"
    digits = 10 ** (math.floor(math.log10(value)) - 1)
    rounded = round(value / digits) * digits
    for size, word in ((10**9, "billion"), (10**6, "million")):
        if rounded >= size:
            return f"{rounded / size:g} {word}"
    return f"{rounded:,.0f}"


def _bytes(value: float) -> str:
    for size, unit in ((1e15, "PB"), (1e12, "TB"), (1e9, "GB")):
        if value >= size:
            return f"{value / size:.2g} {unit}" if value < 100 * size else f"{value / size:,.0f} {unit}"
    return f"{value / 1e6:.2g} MB"


CALLS: tuple[Row, ...] = (
    ("listens a year", lambda plan: _number(plan.listens_a_year)),
    ("pulls a day", lambda plan: _number(plan.pulls_a_day)),
    ("of these, of people without a play in two weeks", lambda plan: _number(plan.people * pulls_of_the_silent())),
    ("calls of `recently-played` in 30 s", lambda plan: _number(plan.pulls_a_day / _DAY_S * 30)),
    ("times the 600 calls a day of a development app", lambda plan: _number(plan.pulls_a_day / 600)),
    ("responses a day", lambda plan: _bytes(plan.pulls_a_day * MEASURED.response_kb * 1e3)),
    ("permissions that end on a day", lambda plan: _number(plan.people / ASSUMED.permission_days)),
    ("different tracks", lambda plan: _number(plan.tracks)),
    ("calls of ReccoBeats for all of them", lambda plan: _number(plan.tracks / ASSUMED.tracks_a_call)),
)
MACHINES: tuple[Row, ...] = (
    ("cores for pulls and tokens", lambda plan: _number(plan.cores)),
    ("CPU hours to label all tracks into PostgreSQL", lambda plan: _number(plan.tracks * MEASURED.label_us / 3.6e9)),
    ("CPU hours to load a year again", lambda plan: _number(plan.listens_a_year * MEASURED.load_us / 3.6e9)),
    ("PostgreSQL, a year", lambda plan: _bytes(plan.listens_a_year * MEASURED.postgresql_bytes)),
    ("lake after compact, a year", lambda plan: _bytes(plan.listens_a_year * MEASURED.lake_bytes)),
    ("files of the lake, a day", lambda plan: _number(plan.pulls_a_day / ASSUMED.accounts_a_batch)),
    ("cells of a million people", lambda plan: _number(plan.cells)),
    ("partitions of listens", lambda plan: _number(plan.cells * ASSUMED.partitions)),
    ("listens of a partition, a year", lambda plan: _number(plan.listens_a_year / plan.cells / ASSUMED.partitions)),
    ("accounts due in half an hour, a cell", lambda plan: _number(plan.pulls_a_day / plan.cells / 48)),
    ("CPU s to pull them", lambda plan: _number(plan.cores / plan.cells * 1_800)),
)


def tables() -> Iterator[str]:
    """The tables of the page, in Markdown."""
    plans = [Plan(people) for people in PEOPLE]
    for name, rows in (("calls", CALLS), ("machines", MACHINES)):
        yield "\n".join(_table(name, plans, rows))


def _table(name: str, plans: Sequence[Plan], rows: Sequence[Row]) -> Iterator[str]:
    yield f"| {name} | " + " | ".join(f"{_number(plan.people)} people" for plan in plans) + " |"
    yield "|---|" + "---|" * len(plans)
    for label, value in rows:
        yield f"| {label} | " + " | ".join(value(plan) for plan in plans) + " |"


def measure(total: int) -> tuple[float, float]:
    """The bytes of a listen in SQLite and in the compacted lake of a home with ``total`` generated listens."""
    with tempfile.TemporaryDirectory() as folder:
        lake, file = open_lake(f"{folder}/lake"), Path(folder, "moodlog.db")
        before = _add(lake, file, context().items())
        grown = _add(lake, file, ((LISTENS, rows) for rows in listens(total))) - before
        with closing(open_database(f"sqlite:///{file}")) as database:
            compact(lake, database, now=NOW + timedelta(days=60))
        files = sum(Path(folder, "lake", path).stat().st_size for path in lake.paths("listens"))
        return grown / total, files / total


def _add(lake: Lake, file: Path, rows: Iterable[tuple[Dataset, pa.Table]]) -> int:
    """Add ``rows`` and close the database, which empties its log; returns the size of its file."""
    with closing(open_database(f"sqlite:///{file}")) as database:
        migrate(database, now=NOW)
        batches = Batches(lake, database)
        for dataset, table in rows:
            batches.add(dataset, table, now=NOW)
    return file.stat().st_size


def start() -> None:
    """Print the tables, and measure with the argument."""
    say(f"{pulls_of_a_person():.2f} pulls of a person a day")
    for table in tables():
        say(f"\n{table}")
    if len(sys.argv) > 1:
        sqlite, lake = measure(int(sys.argv[1]))
        say(f"\nmeasured: {sqlite:.1f} bytes a listen in SQLite, {lake:.1f} in the compacted lake")


if __name__ == "__main__":
    run_sealed(start)
