"""Files in the lake that somebody else wrote or corrupted: named, and no other file's rows are lost or kept back."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mood_core.errors import BatchCorrupt
from mood_core.lake import Lake, open_lake
from mood_core.lake.batch_files import batch_id_of, path_of, to_parquet
from mood_core.lake.schema import DATASETS, Dataset
from mood_core.store import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.usecases.batches import Batches
from mood_core.usecases.people.forget_person import forget_person
from mood_core.usecases.upkeep.compact import compact
from mood_core.usecases.upkeep.rebuild import rebuild
from mood_core.usecases.upkeep.verify_lake import verify
from tests.fuzz.hostile import check_sentence, damaged, fuzz, one_sentence, texts
from tests.store_data import all_digests, small_history

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_WRITTEN = datetime(2026, 11, 19, 3, tzinfo=UTC)

_METADATA = ["batch_id", "dataset", "schema_version", "created_at_ms", "replaces"]
_TIMES = st.sampled_from([0, 1, -1, 1_790_000_000_000, 2**53, 2**62, -(2**62), 253_402_300_799_999, None])
_INTS = st.sampled_from([0, 1, -1, 200_000, 2**31 - 1, -(2**31), None])
_FLOATS = st.sampled_from([0.0, 1.0, 0.25, -1e-9, 1.5, float("nan"), float("inf"), -60.0, 500.0, None])
_NAMES = texts | st.sampled_from(["ada", "t1", "UTC", "Europe/Berlin", "Happy", "local", "catalog", "m/1"])
_STORABLE = _NAMES.map(lambda name: name.encode("utf-8", "replace").decode())


def _values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        return _STORABLE
    if pa.types.is_list(kind):
        return st.lists(_STORABLE, max_size=2)
    if pa.types.is_timestamp(kind):
        return _TIMES
    if pa.types.is_boolean(kind):
        return st.booleans()
    return _INTS if pa.types.is_integer(kind) else _FLOATS


@st.composite
def rows_of(draw: st.DrawFn, dataset: Dataset) -> pa.Table:
    """A table in the types of ``dataset``, with whatever values those can hold."""
    count = draw(st.integers(1, 3))
    arrays = []
    for field in dataset.schema:
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        values = draw(st.lists(_values(field.type), min_size=count, max_size=count))
        is_time = pa.types.is_timestamp(plain)
        array = pa.array(values, pa.int64()).cast(plain) if is_time else pa.array(values, plain)
        arrays.append(array.dictionary_encode() if pa.types.is_dictionary(field.type) else array)
    schema = pa.schema([field.with_nullable(True) for field in dataset.schema])
    return pa.Table.from_arrays(arrays, schema=schema)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("name", DATASETS)
@given(data=st.data())
@fuzz(8)
def test_rows_are_refused_before_the_lake_or_taken_by_sql(
    migrated: Database, lake: Lake, name: str, data: st.DataObject
) -> None:
    """What is published can be loaded: the rules are at least as strict as SQL."""
    batches = Batches(lake, migrated)
    try:
        batches.add(DATASETS[name], data.draw(rows_of(DATASETS[name])), now=NOW)
    except BatchCorrupt as error:
        check_sentence(error.message)
    assert batches.finish(now=NOW) == 0
    assert not verify(lake, migrated, now=NOW).lost


@pytest.mark.parametrize("name", DATASETS)
@given(data=st.data())
@fuzz(4)
def test_a_file_from_elsewhere_costs_no_other(migrated: Database, lake: Lake, name: str, data: st.DataObject) -> None:
    dataset = DATASETS[name]
    rows = data.draw(rows_of(dataset))
    path = _plant(lake, dataset, rows)
    try:
        Batches(lake, migrated).finish(now=NOW)
        for finding in verify(lake, migrated, now=NOW).findings:
            check_sentence(f"{finding.subject} {finding.problem}; {finding.advice}")
        with one_sentence():
            rebuild(lake, migrated, now=NOW)
        rebuild(lake, migrated, now=NOW, skip_damaged=True)
    finally:
        lake.remove(path)


def _plant(lake: Lake, dataset: Dataset, rows: pa.Table) -> str:
    """Put a file into the lake that is a batch by its name and metadata, whatever its rows are."""
    batch_id = batch_id_of(rows, _WRITTEN)
    path = path_of(dataset.name, batch_id, _WRITTEN)
    file = Path(lake.root) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(to_parquet(dataset, rows, batch_id, _WRITTEN))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a small history as lake and database, and what it holds."""
    folder = tmp_path_factory.mktemp("whole")
    with closing(open_database(f"sqlite:///{folder / 'moodlog.db'}")) as database:
        migrate(database, now=NOW)
        small_history(open_lake(str(folder / "lake")), database, months=1, files=2)
        return folder, all_digests(database)


@given(data=st.data())
@fuzz(10)
def test_a_corrupted_file_is_named_and_costs_no_other(
    whole: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    original, held = whole
    folder = Path(shutil.copytree(original, tmp_path_factory.mktemp("corrupted") / "home"))
    files = sorted(folder.rglob("*.parquet"))
    victim = files[data.draw(st.integers(0, len(files) - 1))]
    before = victim.read_bytes()
    victim.write_bytes(data.draw(damaged(before).filter(before.__ne__)))
    lake = open_lake(str(folder / "lake"))
    with closing(open_database(f"sqlite:///{folder / 'moodlog.db'}")) as database:
        (finding,) = verify(lake, database, now=NOW).findings
        assert finding.subject == str(victim.relative_to(folder / "lake"))
        check_sentence(finding.problem)
        with one_sentence():
            rebuild(lake, database, now=NOW)
        with one_sentence():
            forget_person("nobody", lake, database, owner="test", now=NOW)
        compact(lake, database, now=NOW)
        assert Batches(lake, database).finish(now=NOW) == 0
        assert (
            all_digests(database) | {"forgotten": {}} == held
        )  # "nobody" was forgotten where no person's file suffered
        assert victim.exists()  # what is left of it is a person's to judge
    with closing(open_database(f"sqlite:///{folder / 'fresh.db'}")) as fresh:
        migrate(fresh, now=NOW)
        Batches(lake, fresh).finish(now=NOW)
    shutil.rmtree(folder)


@given(
    metadata=st.dictionaries(
        st.sampled_from(["batch_id", "dataset", "schema_version", "created_at_ms", "replaces"]), texts
    )
)
@example({"batch_id": "x", "dataset": "listens", "schema_version": "1", "created_at_ms": "9" * 30})
@example({"batch_id": "x", "dataset": "listens", "schema_version": "1", "created_at_ms": "9" * 5000})
@fuzz(30)
def test_any_metadata(lake: Lake, metadata: dict[str, str]) -> None:
    from pyarrow import parquet

    stored = {f"moodlog.{key}".encode(): value.encode("utf-8", "surrogatepass") for key, value in metadata.items()}
    folder = Path(lake.root) / "listens" / "month=2026-11"
    folder.mkdir(parents=True, exist_ok=True)
    name = "20261119T030000000Z-c0123456789abcdef.parquet"
    parquet.write_table(pa.table({"a": [1]}).replace_schema_metadata(stored), folder / name)
    with one_sentence():
        lake.read(f"listens/month=2026-11/{name}")
    with one_sentence():
        lake.paths("listens")
