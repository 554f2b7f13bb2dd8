"""Moods of Arrow data: audio features in, probabilities, moods, sets and positions out.

The one home of scoring: moodlog's own labels, notebooks and engines such as Spark, Dask and Ray use it, as
``mood_core.score``. It needs numpy, pyarrow and LiteRT; it opens no database and reads no settings.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mood_core.classifier.loading import RuntimeChoice, load_classifier
from mood_core.domain.moods import MOOD_SETS, label, positions
from mood_core.domain.records import MOODS
from mood_core.domain.vectors import FEWEST_TYPICAL, NINE, in_range, range_problems, scale_problem, scale_remedy
from mood_core.errors import InputError
from mood_core.tabular.feature_matrix import feature_matrix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from mood_core.classifier.classifier import Classifier

_SAMPLE = 2_000
"""About as many rows of a batch are looked at for its scales."""


def _field(name: str, kind: pa.DataType, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"description": description})


SCORES = pa.schema(
    [
        _field("mood", pa.string(), "the most probable mood: Calm, Energetic, Happy or Sad; null with a problem"),
        *(_field(f"p_{mood.lower()}", pa.float32(), f"probability of {mood}, 0–1") for mood in MOODS),
        _field("mood_set", pa.string(), "the 90% set, for example Calm|Sad; null if the model has no sets"),
        _field("uncertain", pa.bool_(), "the set has more than one mood, or without sets the probability is low"),
        _field("out_of_distribution", pa.bool_(), "a feature lies outside the training range"),
        _field("soft", pa.float32(), "probability of Calm or Sad, 0–1"),
        _field("lively", pa.float32(), "probability of Energetic or Happy, 0–1"),
        _field("mood_valence", pa.float32(), "expected valence, -1 (unpleasant) to 1 (pleasant)"),
        _field("mood_energy", pa.float32(), "expected energy, -1 (low) to 1 (high)"),
        _field("mood_valence_sd", pa.float32(), "standard deviation of the valence under the probabilities, 0–1"),
        _field("mood_energy_sd", pa.float32(), "standard deviation of the energy under the probabilities, 0–1"),
        _field("problem", pa.string(), "why the row has no mood; null if it has one"),
    ]
)
"""The columns of a score, one row a track in the order of the input; all but ``problem`` are null with a problem."""


def score(
    data: pa.RecordBatch | pa.Table | pa.RecordBatchReader, model: Classifier | Path | str | None = None
) -> pa.RecordBatch | pa.Table | pa.RecordBatchReader:
    """Give every row of audio features its mood.

    A record batch returns a record batch, a table a table, a reader a reader. A reader is a stream: each batch is
    scored when the next one is read, so memory holds one batch. Any object with ``__arrow_c_stream__`` (a Polars
    frame, a DuckDB result) returns a reader too.

    Input columns, in any order, of any integer or float type; other columns are ignored:
        ``acousticness``, ``danceability``, ``energy``, ``instrumentalness``, ``liveness``, ``speechiness``,
        ``valence`` (0–1), ``loudness`` (dB), ``tempo`` (BPM): required.
        ``duration_ms`` (ms): optional, null where unknown.
        ``track_id`` (any type): optional, copied to the result.

    Output columns: ``track_id`` if it was given, then those of :data:`SCORES`, which carries their types, units and
    meanings. A row with a missing or invalid value has no mood and says why in ``problem``; an invalid duration counts
    as missing. The schema's metadata has the ``model_version``.

    Args:
        data: the features.
        model: a loaded model, or a model's folder; the bundled model by default. Models are loaded once a process.

    Returns:
        One row for each row of ``data``, in its order.

    Raises:
        InputError: a required column is missing, doubled or not numeric, or a batch of five rows or more has a column
            on another scale: a typical loudness above 0, tempo below 20 or 0–1 feature above 1.
        ModelError: the model cannot be loaded or used.
    """
    judge = _loaded(model)
    if isinstance(data, pa.RecordBatch):
        return _score_checked(data, judge)
    if isinstance(data, pa.Table):
        schema = scores_schema(data.schema, judge)
        return pa.Table.from_batches([_score_checked(batch, judge) for batch in data.to_batches()], schema)
    if not isinstance(data, pa.RecordBatchReader):
        if not hasattr(data, "__arrow_c_stream__"):
            raise InputError(
                f"a {type(data).__name__} cannot be scored; give a pyarrow RecordBatch, Table or RecordBatchReader"
            )
        data = pa.RecordBatchReader.from_stream(data)
    return pa.RecordBatchReader.from_batches(scores_schema(data.schema, judge), score_batches(data, judge))


def score_batches(
    batches: Iterable[pa.RecordBatch], model: Classifier | Path | str | None = None, *, check_scales: bool = True
) -> Iterator[pa.RecordBatch]:
    """Give every row of record batches of audio features its mood, batch by batch: see :func:`score`.

    Spark's ``mapInArrow`` takes it as it is, and so does any engine that sends a function to its workers: it can be
    pickled, changes nothing, and loads the model once a process. ``model`` is then None or a folder that each worker
    can read. ``check_scales``: refuse a batch with a column on another scale.

    Raises:
        InputError: As for :func:`score`.
        ModelError: The model cannot be loaded or used.
    """
    judge = _loaded(model)
    scored = _score_checked if check_scales else score_batch
    for batch in batches:
        yield scored(batch, judge)


def scores_schema(given: pa.Schema, model: Classifier) -> pa.Schema:
    """The schema of the scores of data with the schema ``given``."""
    if given.names.count("track_id") > 1:
        raise InputError("the column track_id occurs more than once; remove all but one")
    ids = [given.field("track_id")] if "track_id" in given.names else []
    return pa.schema([*ids, *SCORES], metadata={"model_version": model.model_version})


def score_batch(batch: pa.RecordBatch, model: Classifier) -> pa.RecordBatch:
    """The scores of one record batch by a loaded ``model``; see :func:`score`. The scales are the caller's to check."""
    return _scored(batch, feature_matrix(batch), model)


def _score_checked(batch: pa.RecordBatch, model: Classifier) -> pa.RecordBatch:
    matrix = feature_matrix(batch)
    if len(matrix) >= FEWEST_TYPICAL:
        sample = matrix[:: 1 + len(matrix) // _SAMPLE]
        for position, name in enumerate(NINE):
            if problem := scale_problem(name, sample[:, position]):
                raise InputError(f"the column {name} {problem}; {scale_remedy(name)}")
    return _scored(batch, matrix, model)


def _scored(batch: pa.RecordBatch, matrix: NDArray[np.float32], model: Classifier) -> pa.RecordBatch:
    usable = in_range(matrix)
    columns = _columns(matrix, model) if usable.all() else _sparse_columns(matrix, usable, model)
    schema = scores_schema(batch.schema, model)
    ids = [batch.column("track_id")] if "track_id" in batch.schema.names else []
    return pa.RecordBatch.from_arrays([*ids, *columns], schema=schema)


def _sparse_columns(matrix: NDArray[np.float32], usable: NDArray[np.bool_], model: Classifier) -> list[pa.Array]:
    """The columns where some rows must not be labelled: those rows are null and have a problem."""
    good = _columns(matrix[usable], model)
    places = pa.array(np.cumsum(usable) - 1, mask=~usable)  # null for a row without a label
    return [*(column.take(places) for column in good[:-1]), pa.array(range_problems(matrix), pa.string())]


def _columns(matrix: NDArray[np.float32], model: Classifier) -> list[pa.Array]:
    probabilities = model.predict(matrix)
    labels = label(probabilities, model.card.threshold, model.card.set_thresholds)
    return [
        _words(labels.mood, MOODS),
        *(_numbers(column) for column in probabilities.T),
        pa.nulls(len(matrix), pa.string()) if labels.sets is None else _words(labels.sets, MOOD_SETS),
        _flags(labels.uncertain),
        _flags(model.out_of_distribution(matrix)),
        *(_numbers(column) for column in positions(probabilities).values()),
        pa.nulls(len(matrix), pa.string()),
    ]


# From buffers, because pa.array() imports pandas wherever it is installed, which takes longer than 200 labels.


def _numbers(values: NDArray[Any]) -> pa.Array:
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def _flags(values: NDArray[np.bool_]) -> pa.Array:
    bits = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def _words(codes: NDArray[np.int8], words: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(_numbers(codes), _text(words)).dictionary_decode()


@lru_cache
def _text(words: tuple[str, ...]) -> pa.Array:
    encoded = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(words), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))


def _loaded(model: Classifier | Path | str | None) -> Classifier:
    if model is None or isinstance(model, Path | str):
        return loaded_once(None if model is None else Path(model))
    return model


@lru_cache(maxsize=8)
def loaded_once(folder: Path | None, runtime: RuntimeChoice = "auto") -> Classifier:
    """The model in ``folder`` (None: the bundled one), loaded once a process."""
    return load_classifier(folder, runtime)
