"""Sets, positions and intervals of shares in the lake and in SQL, the same on both databases."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mood_core.domain.intervals import share_interval
from mood_core.domain.moods import label, positions
from mood_core.domain.records import MOODS
from mood_core.errors import BatchCorrupt, StoreError
from mood_core.lake import open_lake
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, TRACKS, USERS
from mood_core.lake.schema import MOODS as LABELS
from mood_core.store import Database
from mood_core.store.engine.database import open_database
from mood_core.usecases.batches import Batches
from mood_core.usecases.upkeep.compare_rows import compare_rows
from mood_core.usecases.upkeep.rebuild import rebuild
from tests.store_data import (
    NOW,
    all_digests,
    days_are_right,
    features,
    listens,
    moods,
    query,
    set_current,
    tracks,
    users,
)

NAMES = [f"t{number}" for number in range(12)]
THRESHOLDS = (0.2, 0.25, 0.2, 0.25)
DAY = datetime(2026, 10, 31, 12, tzinfo=UTC)


def _probabilities() -> Any:
    shares = np.random.default_rng(0).dirichlet([0.7] * 4, len(NAMES)).astype(np.float32)
    shares[0] = (0.00005, 0.99995, 0, 0)  # in the middle between two units of the sums
    return shares


def _labels(names: list[str]) -> pa.Table:
    chosen = [NAMES.index(name) for name in names]
    shares = _probabilities()[chosen]
    found = label(shares, 0.5, THRESHOLDS)
    table = moods(dict(zip(names, found.names(), strict=True)))
    for place, mood in enumerate(MOODS):
        name = f"p_{mood.lower()}"
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(shares[:, place]))
    table = table.set_column(table.schema.get_field_index("uncertain"), "uncertain", pa.array(found.uncertain))
    return table.append_column("mood_set", pa.array(found.set_names(), pa.string()))


@pytest.fixture
def batches(migrated: Database, tmp_path: Path) -> Batches:
    """Listens of two people before, between and after the labels, over the end of a month and a week."""
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("ada", "Europe/Berlin"), ("bob", "UTC")), now=NOW)
    batches.add(TRACKS, tracks(*NAMES, "unknown"), now=NOW)
    batches.add(AUDIO_FEATURES, features(NAMES), now=NOW)
    _listen(batches, 0)
    batches.add(LABELS, _labels(NAMES[:6]), now=NOW)
    set_current(migrated, "m/1")
    _listen(batches, 1)
    batches.add(LABELS, _labels(NAMES[6:]), now=NOW + timedelta(seconds=1))
    _listen(batches, 2)
    return batches


def _listen(batches: Batches, part: int) -> None:
    rows = [
        (person, DAY + timedelta(days=day, minutes=20 * part + number), name)
        for person in ("ada", "bob")
        for day in range(3)
        for number, name in enumerate([*NAMES, "unknown"])
        if (number + day + part) % 3 or person == "bob"
    ]
    batches.add(LISTENS, listens(rows), now=NOW + timedelta(minutes=part))


@pytest.mark.usefixtures("batches")
def test_sets_and_positions_are_in_the_views(migrated: Database) -> None:
    shares = _probabilities()
    places, sets = positions(shares), label(shares, 0.5, THRESHOLDS).set_names()
    columns = "mood_set, uncertain, soft, lively, mood_valence, mood_energy, mood_valence_sd, mood_energy_sd"
    for view in ("_track_moods", "mood_history"):
        for track, chosen, uncertain, *numbers in query(
            migrated,
            f"SELECT DISTINCT track_id, {columns} FROM {view} WHERE mood IS NOT NULL",  # noqa: S608
        ):
            row = NAMES.index(track)
            assert chosen == sets[row]
            assert uncertain == ("|" in chosen)
            assert numbers == pytest.approx([axis[row] for axis in places.values()], abs=2e-4)


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize(
    ("view", "period", "periods"),
    [
        ("mood_daily", "day", {f"2026-{day}": (f"2026-{day}",) * 2 for day in ("10-31", "11-01", "11-02")}),
        (
            "mood_weekly",
            "week",
            {"2026-10-26": ("2026-10-26", "2026-11-01"), "2026-11-02": ("2026-11-02", "2026-11-08")},
        ),
        (
            "mood_monthly",
            "month",
            {"2026-10-01": ("2026-10-01", "2026-10-31"), "2026-11-01": ("2026-11-01", "2026-11-30")},
        ),
    ],
)
def test_shares_have_the_intervals_of_their_probabilities(
    migrated: Database, view: str, period: str, periods: dict[str, tuple[str, str]]
) -> None:
    shares = _probabilities().astype(np.float64)
    columns = "mood, listens, share, share_expected, share_low, share_high"
    rows = query(migrated, f"SELECT user_id, CAST({period} AS TEXT), {columns} FROM {view}")  # noqa: S608
    assert {row[1] for row in rows} == set(periods)
    for person, when, mood, counted, share, mean, low, high in rows:
        heard = _plays(migrated, person, *periods[when])
        chances = [shares[NAMES.index(name), MOODS.index(mood)] for name in heard if name in NAMES and mood in MOODS]
        assert share == pytest.approx(counted / len(heard), abs=1e-4)
        if mood == "Unlabelled":
            assert (mean, low, high) == (None, None, None)
            continue
        expected = share_interval(sum(chances), sum(p * (1 - p) for p in chances), len(chances), len(heard))
        assert mean == pytest.approx(sum(chances) / len(heard), abs=2e-4)
        assert (low, high) == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("view", ["mood_daily", "mood_weekly", "mood_monthly"])
def test_the_interval_of_few_listens_ends_at_the_labelled_ones(migrated: Database, tmp_path: Path, view: str) -> None:
    batches = Batches(open_lake(str(tmp_path / "lake")), migrated)
    batches.add(USERS, users(("ada", "UTC")), now=NOW)
    batches.add(TRACKS, tracks("t1", "unknown"), now=NOW)
    batches.add(AUDIO_FEATURES, features(["t1"]), now=NOW)
    batches.add(LABELS, _labels(["t1"]), now=NOW)
    set_current(migrated, "m/1")
    batches.add(LISTENS, listens([("ada", DAY, "t1"), ("ada", DAY + timedelta(minutes=5), "unknown")]), now=NOW)
    columns = "share_low, share_expected, share_high"
    ((low, mean, high),) = query(migrated, f"SELECT {columns} FROM {view} WHERE mood <> 'Unlabelled'")  # noqa: S608
    assert low <= mean < high == 0.5  # one of two listens has a label


def _plays(database: Database, person: str, first: str, last: str) -> list[str]:
    rows = query(database, "SELECT track_id, CAST(local_day AS TEXT) FROM mood_history WHERE user_id = :p", p=person)
    return [track for track, day in rows if first <= day <= last]


def test_daily_sums_are_those_of_a_rebuild(batches: Batches, migrated: Database, tmp_path: Path) -> None:
    assert days_are_right(migrated)
    lake = open_lake(str(tmp_path / "lake"))
    assert compare_rows(lake, migrated, NOW, lambda *_: None) == []
    before = all_digests(migrated)
    rebuild(lake, migrated, now=NOW)
    assert all_digests(migrated) == before
    _listen(batches, 3)
    assert days_are_right(migrated)


def test_labels_of_an_older_moodlog_have_no_set(migrated: Database, tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "lake"))
    batches = Batches(lake, migrated)
    batches.add(TRACKS, tracks("t1"), now=NOW)
    lake.write(LABELS, moods({"t1": "Sad"}), created_at=NOW)
    set_current(migrated, "m/1")
    file = tmp_path / "lake" / next(path for path in lake.paths("moods"))
    old = pq.ParquetFile(file).read()
    pq.write_table(old.drop_columns(["mood_set"]), file)  # as it was written before the column came
    _, rows = lake.read(next(path for path in lake.paths("moods")))
    assert rows["mood_set"].null_count == 1
    rebuild(lake, migrated, now=NOW)
    assert query(migrated, "SELECT mood, mood_set, uncertain FROM _track_moods") == [("Sad", None, 1)]


@pytest.mark.parametrize("wrong", ["Sad|Calm", "Bored", "", "Happy|Sad"])
def test_an_invalid_set_is_refused(batches: Batches, migrated: Database, wrong: str) -> None:
    table = moods({"unknown": "Calm"})
    with pytest.raises(BatchCorrupt, match="mood_set"):
        batches.add(LABELS, table.append_column("mood_set", pa.array([wrong])), now=NOW)
    if wrong != "Happy|Sad":  # a set without the mood is the lake's to refuse
        with pytest.raises(StoreError, match="refused"), migrated.write() as connection:
            connection.exec_driver_sql(f"UPDATE moods SET mood_set = '{wrong}'")  # noqa: S608


def test_sqlite_without_mathematics_gets_the_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare(sqlite3.Connection):
        """As of a SQLite that was built without its mathematical functions."""

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith("SELECT sqrt(4"):
                raise sqlite3.OperationalError("no such function")
            return super().execute(sql, *values)

    database = open_database(f"sqlite:///{tmp_path / 'bare.db'}")
    monkeypatch.setattr(database.engine.dialect, "connect", lambda *given, **named: _connect(Bare, *given, **named))
    found = query(database, "SELECT sqrt(2.25), sqrt(NULL), sqrt(-1)")
    assert found == [(1.5, None, None)]
    database.close()


def _connect(factory: type[sqlite3.Connection], *given: Any, **named: Any) -> sqlite3.Connection:
    return sqlite3.connect(*given, **named, factory=factory)


def test_square_roots_are_those_of_python(migrated: Database) -> None:
    assert query(migrated, "SELECT sqrt(CAST(2 AS DOUBLE PRECISION))") == [(pytest.approx(sqrt(2)),)]
