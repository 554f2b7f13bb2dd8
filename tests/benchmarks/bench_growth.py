"""What the steps of a night and a pull cost with more accounts, more tracks and more listens: the same work among more.

``python -m tests.benchmarks.bench_growth [ACCOUNTS] [TRACKS] [LISTENS]`` grows each of them alone, by tens up to the
number given, in a SQLite database of its own; 0 leaves one out. It prints CPU milliseconds and the exponent from the
first size to the last: 0 means that a step costs the same, 1 that it costs as many times more as there are rows.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, islice
from pathlib import Path
from statistics import median

from sqlalchemy import text

from mood_core.domain.feature_misses import UNKNOWN
from mood_core.domain.records import FeatureMiss, to_ms
from mood_core.lake import open_lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import AUDIO_FEATURES, FEATURE_MISSES, LISTENS, MOODS, TRACKS
from mood_core.spotify.tokens import days_left
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.loading.daily import follow_time_zones
from mood_core.store.loading.ledger import paths_loaded_since
from mood_core.store.loading.tombstones import find_half_forgotten
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.forecast import forecast
from mood_core.store.queries.listens import ListenStore
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.queries.operations import operations
from mood_core.store.queries.overview import coverage, coverage_by_person, gaps, reach
from mood_core.store.queries.resolution_rows import ResolutionRows
from mood_core.store.queries.token_rows import TokenRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.ending_permissions import may_end_before
from mood_core.usecases.nightly.find_silent_accounts import find_silent
from mood_core.usecases.upkeep.check_health import account_findings
from mood_core.web.people import people_page
from mood_core.web.read_day import read_day
from mood_core.web.read_overview import read_glances, read_overview
from tests.benchmarks.bench_store_load import say
from tests.sealed import run_sealed
from tests.store_data import NOW, features, listens, moods, set_current, tracks

ROUNDS = 5
DUE = 200
WAITING = 100
PEOPLE = 100
BUDGET = 3
"""Calls a day: the count of the active accounts stops at those that it allows to pull once a year."""
HOUR_MS = 3_600_000
EVERY_MS = HOUR_MS // 10
"""From one listen of a person to the next: a hundred million of a hundred people are those of eleven years."""
SMALLEST = {"accounts": 1000, "tracks": 100_000, "listens": 1_000_000}

Step = Callable[[], object]


def main(most: Sequence[int]) -> None:
    """Grow accounts, tracks and listens up to ``most`` and measure their steps; medians of five rounds."""
    for kind, size in zip(SMALLEST, most, strict=False):
        sizes = [SMALLEST[kind] * 10**power for power in range(9) if SMALLEST[kind] * 10**power <= size]
        if not size:
            continue
        took = measured(kind, sizes or [size], _cpu_ms)
        say(f"CPU ms of a step, medians of {ROUNDS}:")
        say(f"{kind:20}" + "".join(f"{one:>12}" for one in sizes or [size]) + f"{'exponent':>12}")
        for name, costs in took.items():
            say(f"{name:20}" + "".join(f"{one:12.1f}" for one in costs) + f"{exponent(sizes, costs):12.2f}")


def measured(kind: str, sizes: Sequence[int], cost: Callable[[Database, Step], float]) -> dict[str, list[float]]:
    """What each step costs at each size of ``kind``: accounts, tracks or listens."""
    costs: dict[str, list[float]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = stack.enter_context(closing(open_database(f"sqlite:///{folder / 'moodlog.db'}")))
        migrate(database, now=NOW)
        begin, grow, steps = _World(database, Batches(open_lake(str(folder / "lake")), database)).kinds[kind]
        begin()
        for before, size in zip([0, *sizes], sizes, strict=False):
            _run(database, _NUMBERS + grow, {"before": before, "size": size})
            for name, step in steps():
                costs.setdefault(name, []).append(cost(database, step))
    return costs


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """The growth of ``costs`` with ``sizes``, from the first to the last."""
    return math.log(costs[-1] / costs[0]) / math.log(sizes[-1] / sizes[0]) if len(sizes) > 1 else 0.0


@dataclass
class _World:
    database: Database
    batches: Batches
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def kinds(self) -> Mapping[str, tuple[Step, str, Callable[[], Iterator[tuple[str, Step]]]]]:
        """By kind: what begins a database, the statements that make it grow, and the steps to measure."""
        return {
            "accounts": (self.add_one_track, _ACCOUNTS, self.steps_of_accounts),
            "tracks": (self.add_waiting_tracks, _TRACKS, self.steps_of_tracks),
            "listens": (lambda: _run(self.database, _ONE_TRACK + _SOME_PEOPLE, {}), _LISTENS, self.steps_of_listens),
        }

    def add_one_track(self) -> None:
        """A track, and a current model: without one, the metrics count the listens up to their limit."""
        _run(self.database, _ONE_TRACK, {})
        set_current(self.database, "m/1")

    def add_waiting_tracks(self) -> None:
        """Tracks with features and no label, and twice as many without features, of which half are due."""
        self.batches.add(TRACKS, tracks(*(f"x{number}" for number in range(3 * WAITING))), now=NOW)
        self.batches.add(AUDIO_FEATURES, features([f"x{number}" for number in range(WAITING)]), now=NOW)
        missed = [FeatureMiss(f"x{number}", "reccobeats", UNKNOWN, NOW) for number in range(WAITING, 2 * WAITING)]
        self.batches.add(FEATURE_MISSES, to_table(FEATURE_MISSES, missed), now=NOW)
        set_current(self.database, "m/1")

    def steps_of_accounts(self) -> Iterator[tuple[str, Step]]:
        """A half-hourly pull and what a night asks about accounts."""
        accounts = Accounts(self.database)
        due = accounts.due(NOW, daily_budget=None)
        yield "find who is due", lambda: accounts.due(NOW, daily_budget=BUDGET)
        yield "read accounts", lambda: accounts.all(due)
        yield "find by name", lambda: accounts.all(["NAME 7"])
        yield "acquire leases", lambda: accounts.leases.acquire(due, "bench", now=NOW, for_s=60.0)
        yield "record pulls", lambda: accounts.pulled(due[:100], at=NOW)
        yield "find silent", lambda: find_silent(self.database, accounts, now=NOW, daily_budget=None)
        yield "find refused", accounts.refused
        yield "find to renew", lambda: accounts.to_renew(may_end_before(NOW))
        yield "half forgotten", lambda: find_half_forgotten(self.database)
        yield "new batches", lambda: paths_loaded_since(self.database, "tracks", NOW - timedelta(days=1))
        yield "check time zones", lambda: follow_time_zones(self.database)
        yield "doctor: accounts", lambda: account_findings(accounts, NOW, lambda at: days_left(at, NOW))
        yield "doctor: tokens", lambda: (accounts.services(), accounts.authorised(100))
        people = [account.user_id for account in accounts.first(100, now=NOW)]
        yield "status: people", lambda: accounts.first(100, now=NOW)
        yield "status: moods", lambda: forecast(self.database, people)
        yield "status: history", lambda: reach(self.database, people)
        yield "status: gaps", lambda: gaps(self.database, people)
        yield "status: coverage", lambda: coverage_by_person(self.database, people)
        yield "first people", lambda: list(islice(accounts.pages(), 100))
        last = accounts.page(1, prefix="name 9")[0].user_id
        yield "page of people", lambda: people_page(accounts, 100, after=last)
        yield "names that begin so", lambda: people_page(accounts, 100, prefix="name 7")
        yield "metrics", lambda: operations(self.database, now=NOW)
        yield "page of tokens", lambda: next(TokenRows(self.database, now=lambda: NOW).pages(), None)

    def steps_of_tracks(self) -> Iterator[tuple[str, Step]]:
        """What a night asks about tracks, and what it stores."""
        rows, labels, names = FeatureRows(self.database), MoodRows(self.database), ResolutionRows(self.database)
        yield "without features", lambda: rows.tracks_without_features(due=(["reccobeats"], NOW))
        yield "most heard first", lambda: rows.tracks_without_features(most_heard_first=True)
        yield "without label", lambda: list(labels.unlabelled("m/1"))
        yield "count unlabelled", lambda: labels.count_unlabelled("m/1")
        yield "names to resolve", names.unresolved
        yield "store new tracks", self.add_tracks

    def add_tracks(self) -> None:
        """Store new tracks with features and labels."""
        first = 100 * next(self.numbers)
        ids = [f"new{number}" for number in range(first, first + 100)]
        self.batches.add(TRACKS, tracks(*ids), now=NOW)
        self.batches.add(AUDIO_FEATURES, features(ids), now=NOW)
        self.batches.add(MOODS, moods(dict.fromkeys(ids, "Calm")), now=NOW)

    def steps_of_listens(self) -> Iterator[tuple[str, Step]]:
        """What a pull stores and asks, and what a night asks about listens."""
        accounts, stored = Accounts(self.database), ListenStore(self.database)
        people = [f"user{number:09}" for number in range(1, PEOPLE + 1)]
        addressed = people_page(accounts, PEOPLE)
        one = addressed[0].account
        yield "store listens", self.add_listens
        yield "read a window", lambda: stored.plays_since(one.user_id, NOW - timedelta(hours=5), NOW)
        yield "newest before it", lambda: stored.newest_play_before(one.user_id, NOW - timedelta(hours=5))
        yield "record pulls", lambda: accounts.pulled(people, at=NOW)
        yield "find silent", lambda: find_silent(self.database, accounts, now=NOW, daily_budget=None)
        yield "look for files", lambda: self.batches.finish(now=NOW)
        yield "status: people", lambda: accounts.first(PEOPLE, now=NOW)
        yield "status: moods", lambda: forecast(self.database, people)
        yield "status: history", lambda: reach(self.database, people)
        yield "status: coverage", lambda: (coverage(self.database), coverage_by_person(self.database, people))
        yield "doctor: accounts", lambda: account_findings(accounts, NOW, lambda at: days_left(at, NOW))
        yield "first page", lambda: read_glances(self.database, addressed, NOW.date())
        yield "page of a person", lambda: read_overview(self.database, one)
        yield "page of a day", lambda: read_day(self.database, one, NOW.date() - timedelta(days=1))

    def add_listens(self) -> None:
        """Store 50 new listens of each of two accounts."""
        start = NOW + timedelta(minutes=50 * next(self.numbers))
        rows = [(f"user{user:09}", start + timedelta(minutes=play), "t") for user in (1, 2) for play in range(50)]
        self.batches.add(LISTENS, listens(rows), now=NOW)


def _cpu_ms(_database: Database, step: Step) -> float:
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        step()
        rounds.append(1000 * (time.process_time() - start))
    return median(rounds)


_NUMBERS = """
CREATE TEMP TABLE IF NOT EXISTS numbers (i INTEGER PRIMARY KEY);
DELETE FROM numbers;
WITH RECURSIVE n (i) AS (SELECT :before + 1 UNION ALL SELECT i + 1 FROM n WHERE i < :size)
INSERT INTO numbers SELECT i FROM n;
"""

_ONE_TRACK = """
INSERT INTO tracks (track_key, track_id, name, artists, kind) VALUES (1, 't', 't', 'a', 'track');
INSERT INTO sources (source_key, source) VALUES (1, 'recently_played');
INSERT INTO _feature_queue (track_key) VALUES (1);
"""

_SOME_PEOPLE = """
CREATE TEMP TABLE people (i INTEGER PRIMARY KEY);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :people) INSERT INTO people SELECT i FROM n;
INSERT INTO users (user_key, user_id, display_name, timezone, connected_at_ms, recorded_at_ms, name_key)
SELECT i, printf('user%09d', i), 'name ' || i, 'UTC', :now, :now, 'name ' || i FROM people;
INSERT INTO _accounts (user_key, last_pulled_at_ms) SELECT i, :now FROM people;
INSERT INTO _counted_people (user_key, until_ms, sessions_until_ms, ranked_until_ms)
SELECT i, :now, :now, :now + 10000 * :hour FROM people;
INSERT INTO _heard_tracks (track_key) VALUES (1);
"""

_ACCOUNTS = """
INSERT INTO users (user_key, user_id, display_name, timezone, connected_at_ms, recorded_at_ms, name_key)
SELECT i, printf('user%09d', i), 'name ' || i, 'UTC', :now, :now, 'name ' || i FROM numbers;
INSERT OR IGNORE INTO forgotten (person_hash, hash_key, forgotten_at_ms) VALUES ('hash', 'key', :now);
INSERT INTO _accounts (user_key, last_pulled_at_ms, due_at_ms, authorised_at_ms, token)
SELECT i, :now - 5 * :hour, :now + :hour, :now, x'00' FROM numbers;
INSERT INTO _batches (
batch_id, dataset, path, sha256, row_count, byte_count, schema_version, created_at_ms, loaded_at_ms
)
SELECT 'b' || i, 'tracks', 'tracks/' || i, '', 1, 1, 1, :now - 48 * :hour, :now - 48 * :hour FROM numbers;
UPDATE _accounts SET due_at_ms = 0, last_pulled_at_ms = :now - 5 * :hour WHERE user_key <= :due;
UPDATE _accounts SET last_problem = 'HTTP 500' WHERE user_key <= 9;
INSERT INTO _listen_totals (user_key, source_key, listens, first_played_at_ms, last_played_at_ms)
SELECT i, 1, 20, :now - 20 * :hour, :now - :hour FROM numbers;
WITH RECURSIVE plays (j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM plays WHERE j < 20)
INSERT INTO listens (user_key, played_at_ms, track_key, source_key) SELECT i, :now - j * :hour, 1, 1 FROM numbers, plays
"""

_TRACKS = """
INSERT INTO tracks (track_id, name, artists, kind) SELECT 't' || i, 'title ' || i, 'a', 'track' FROM numbers;
INSERT INTO audio_features (track_key, acousticness, danceability, energy, instrumentalness, liveness, loudness,
speechiness, tempo, valence, source_key, fetched_at_ms)
SELECT track_key, 0.5, 0.5, 0.5, 0.5, 0.5, -9, 0.5, 120, 0.5, (SELECT min(source_key) FROM sources), :now
FROM numbers INNER JOIN tracks ON track_id = 't' || i;
INSERT INTO moods (track_key, model_key, mood, p_calm, p_energetic, p_happy, p_sad, uncertain, out_of_distribution,
source_key, labelled_at_ms)
SELECT track_key, (SELECT model_key FROM models), 'Calm', 0.7, 0.1, 0.1, 0.1, 0, 0,
(SELECT min(source_key) FROM sources), :now
FROM numbers INNER JOIN tracks ON track_id = 't' || i
"""

# The same people listen more: the listens of the latest growth are the oldest.
_LISTENS = """
INSERT INTO listens (user_key, played_at_ms, track_key, source_key)
SELECT i % :people + 1, :now - (i / :people + 1) * :every, 1, 1 FROM numbers;
INSERT OR IGNORE INTO _mood_days (user_key, day, calm, energetic, happy, sad, unlabelled, uncertain_calm,
uncertain_energetic, uncertain_happy, uncertain_sad)
SELECT DISTINCT i % :people + 1, (:now - (i / :people + 1) * :every) / (24 * :hour), 0, 0, 0, 0, 240, 0, 0, 0, 0
FROM numbers;
DELETE FROM _listen_totals;
INSERT INTO _listen_totals (user_key, source_key, listens, first_played_at_ms, last_played_at_ms)
SELECT user_key, 1, count(*), min(played_at_ms), max(played_at_ms) FROM listens GROUP BY user_key
"""


def _run(database: Database, statements: str, values: Mapping[str, int]) -> None:
    values = {**values, "now": to_ms(NOW), "hour": HOUR_MS, "every": EVERY_MS, "due": DUE, "people": PEOPLE}
    with database.write() as connection:
        for statement in statements.strip().removesuffix(";").split(";\n"):
            given = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), given)


if __name__ == "__main__":
    run_sealed(lambda: main([int(number) for number in sys.argv[1:]] or [1_000_000, 1_000_000, 10_000_000]))
