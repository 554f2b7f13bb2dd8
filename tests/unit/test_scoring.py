"""``mood_core.score``: Arrow in, Arrow out, as a stream, without moodlog's heavier parts."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

import mood_core
from mood_core.classifier import load_classifier, scoring
from mood_core.classifier.classifier import Classifier
from mood_core.classifier.loading import bundled_folder
from mood_core.classifier.scoring import SCORES
from mood_core.domain.records import FEATURES, MOODS
from mood_core.errors import InputError, ModelNotFound
from mood_core.score import score_batches

THRESHOLDS = dict.fromkeys(MOODS, 0.15)


@pytest.fixture(scope="module")
def with_sets() -> Classifier:
    """The bundled model with thresholds for sets in its card."""
    model = load_classifier()
    model.card = replace(model.card, metrics={**model.card.metrics, "mood_sets": {"thresholds": THRESHOLDS}})
    return model


def _features(rows: int = 50, seed: int = 0) -> pa.RecordBatch:
    random = np.random.default_rng(seed)
    columns = {name: random.random(rows) for name in FEATURES}
    columns |= {"loudness": -20 * columns["loudness"], "tempo": 60 + 120 * columns["tempo"]}
    columns["duration_ms"] = 120_000 + 180_000 * columns["duration_ms"]
    return pa.RecordBatch.from_pydict({"track_id": [f"t{number}" for number in range(rows)], **columns})


def test_a_batch_gives_a_batch(with_sets: Classifier) -> None:
    given = _features()
    scored = mood_core.score(given, with_sets)
    assert isinstance(scored, pa.RecordBatch)
    assert scored.schema.names == ["track_id", *SCORES.names]
    assert scored.schema.metadata == {b"model_version": with_sets.model_version.encode()}
    assert scored["track_id"] == given["track_id"]
    for row in scored.to_pylist():
        shares = {mood: row[f"p_{mood.lower()}"] for mood in MOODS}
        members = row["mood_set"].split("|")
        assert row["mood"] == max(shares, key=lambda mood: shares[mood])
        assert set(members) == {row["mood"]} | {mood for mood, share in shares.items() if share >= np.float32(0.15)}
        assert row["uncertain"] == (len(members) > 1)
        assert row["soft"] == pytest.approx(shares["Calm"] + shares["Sad"], abs=1e-6)
        assert row["mood_energy"] == pytest.approx(row["lively"] - row["soft"], abs=1e-6)
        assert row["problem"] is None


def test_a_table_gives_a_table_and_a_stream_a_stream(with_sets: Classifier) -> None:
    batches = [_features(seed=number) for number in range(3)]
    table = pa.Table.from_batches(batches)
    scored = mood_core.score(table, with_sets)
    assert isinstance(scored, pa.Table)
    assert scored.num_rows == 150
    reader = mood_core.score(pa.RecordBatchReader.from_batches(table.schema, batches), with_sets)
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all().equals(scored)
    assert mood_core.score(_Frame(table), with_sets).read_all().equals(scored)
    assert mood_core.score(table.slice(0, 0), with_sets).schema == scored.schema


def test_a_stream_is_read_only_as_far_as_it_is_used(with_sets: Classifier) -> None:
    read = []

    def batches() -> Iterator[pa.RecordBatch]:
        for number in range(100):
            read.append(number)
            yield _features(seed=number)

    reader = mood_core.score(pa.RecordBatchReader.from_batches(_features().schema, batches()), with_sets)
    assert reader.read_next_batch().num_rows == 50
    assert len(read) <= 2


def test_a_row_that_cannot_be_labelled_says_why(with_sets: Classifier) -> None:
    rows = _features(3).to_pylist()
    rows[1]["energy"] = None
    rows[2]["duration_ms"] = None
    scored = mood_core.score(pa.RecordBatch.from_pylist(rows), with_sets).to_pylist()
    assert scored[1] == dict.fromkeys(SCORES.names) | {"track_id": "t1", "problem": "energy is missing"}
    assert scored[0]["mood"] in MOODS
    assert scored[2]["mood"] in MOODS


def test_ids_and_durations_may_be_absent_and_numbers_may_be_integers(with_sets: Classifier) -> None:
    columns = {name: pa.array([1, 0]) for name in FEATURES[:-1]}
    scored = mood_core.score(pa.RecordBatch.from_pydict(columns | {"key": pa.array(["C", "D"])}), with_sets)
    assert scored.schema.names == SCORES.names
    assert scored["problem"].null_count == 2


def test_without_thresholds_in_the_card_sets_are_null() -> None:
    model = load_classifier()
    model.card = replace(model.card, metrics={})
    assert mood_core.score(_features(), model)["mood_set"].null_count == 50


def test_what_cannot_be_scored_is_refused(with_sets: Classifier) -> None:
    with pytest.raises(InputError, match="tempo"):
        mood_core.score(_features().drop_columns(["tempo"]), with_sets)
    with pytest.raises(InputError, match="RecordBatch"):
        mood_core.score([{"energy": 1}], with_sets)
    with pytest.raises(ModelNotFound):
        mood_core.score(_features(), bundled_folder() / "absent")


@pytest.mark.parametrize(
    ("column", "factor", "remedy"),
    [("loudness", 0.0, "give dB"), ("tempo", 0.001, "beats per minute"), ("energy", 100, "fractions from 0 to 1")],
)
def test_a_column_on_another_scale_is_refused(with_sets: Classifier, column: str, factor: float, remedy: str) -> None:
    given = _features()
    values = np.asarray(given[column]) * factor + (0.5 if column == "loudness" else 0)
    wrong = given.set_column(given.schema.get_field_index(column), column, pa.array(values))
    stream = pa.RecordBatchReader.from_batches(wrong.schema, [wrong])
    for data in (wrong, pa.Table.from_batches([wrong])):
        with pytest.raises(InputError, match=f"column {column} has the typical value .*{remedy}"):
            mood_core.score(data, with_sets)
    with pytest.raises(InputError, match=remedy):
        mood_core.score(stream, with_sets).read_all()
    assert mood_core.score(wrong.slice(0, 4), with_sets).num_rows == 4  # too few rows to know a scale


def test_an_invalid_duration_counts_as_missing(with_sets: Classifier) -> None:
    given = _features(3)
    position = given.schema.get_field_index("duration_ms")
    scored = [
        mood_core.score(given.set_column(position, "duration_ms", pa.array(values, pa.float64())), with_sets)
        for values in ([-5.0, 0.0, 200.0], [None, None, None])
    ]
    assert scored[0].equals(scored[1])
    assert scored[0]["problem"].null_count == 3


def test_decimals_are_read_and_a_doubled_column_is_refused(with_sets: Classifier) -> None:
    given = _features(3)
    exact = given["energy"].cast(pa.decimal128(38, 20), safe=False)
    decimal = given.set_column(given.schema.get_field_index("energy"), "energy", exact)
    assert mood_core.score(decimal, with_sets)["mood"] == mood_core.score(given, with_sets)["mood"]
    for name in ("energy", "track_id"):
        doubled = pa.RecordBatch.from_arrays([*given.columns, given[name]], names=[*given.schema.names, name])
        with pytest.raises(InputError, match=f"the column {name} occurs .*remove all but one"):
            mood_core.score(doubled, with_sets)


def test_every_column_says_what_it_means() -> None:
    assert all(field.metadata[b"description"] for field in SCORES)


def test_scoring_imports_no_database_network_or_training() -> None:
    code = (
        "import sys, mood_core; assert 'numpy' not in sys.modules; import pyarrow as pa;"
        "from mood_core import score;"
        "import numpy as np; half = pa.Array.from_buffers(pa.float64(), 1, [None, pa.py_buffer(np.array([0.5]))]);"
        f"batch = pa.RecordBatch.from_arrays([half] * 9, names={FEATURES[:-1]!r});"
        "assert score(batch)['mood'][0].as_py();"
        "print([name for name in ('sqlalchemy', 'requests', 'httpx', 'click', 'keras', 'tensorflow', 'prefect',"
        " 'pandas', 'sklearn', 'matplotlib', 'mood_core.settings') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


class _Frame:
    """A frame of another library, which hands out its rows by Arrow's C interface."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def test_record_batches_are_scored_one_by_one_by_a_function_that_engines_can_send() -> None:
    given = [_features(3), _features(0), _features(7, seed=1)]
    sent = pickle.loads(pickle.dumps(score_batches))
    assert [batch.num_rows for batch in sent(iter(given))] == [3, 0, 7]
    assert list(sent(given)) == [mood_core.score(batch) for batch in given]
    assert list(partial(score_batches, model=bundled_folder())(given)) == list(score_batches(given))
    assert vars(mood_core)["score"].score_batches is score_batches  # the module can be called and has the functions


def test_engines_load_the_model_once_a_process() -> None:
    scoring.loaded_once.cache_clear()
    for _ in range(3):
        list(score_batches([_features(3)]))
    assert scoring.loaded_once.cache_info().misses == 1


def test_only_engines_see_a_batch_on_another_scale_refused() -> None:
    wrong = _features().set_column(3, "energy", pa.array(np.full(50, 70.0)))
    with pytest.raises(InputError, match="energy"):
        list(score_batches([wrong]))
    (scored,) = score_batches([wrong], check_scales=False)
    assert scored["mood"].null_count == 50
