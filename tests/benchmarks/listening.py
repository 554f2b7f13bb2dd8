"""A year's listens of a thousand people, made up from a seed, as batches of the lake."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from mood_core.domain.records import FEATURES, to_ms
from mood_core.lake.schema import AUDIO_FEATURES, LISTENS, MOODS, TRACKS, USERS, Dataset

PEOPLE, TRACK_COUNT, DAYS = 1_000, 200_000, 364
START = datetime(2025, 11, 20, tzinfo=UTC)
_START_MS, _DAY_MS = to_ms(START), 86_400_000
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Adelaide", "UTC")
_LETTERS = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)


def ids(kind: int, count: int) -> list[str]:
    """``count`` ids of 22 characters."""
    letters = _LETTERS[np.random.default_rng(kind).integers(0, 62, (count, 22))]
    return [row.tobytes().decode() for row in letters]


def listens(total: int, batch: int = 50_000) -> Iterator[pa.Table]:
    """``total`` listens in tables of ``batch`` rows, in the order of days: heavy-tailed tracks, plus favourites."""
    random = np.random.default_rng(7)
    people, tracks = pa.array(ids(1, PEOPLE)), pa.array(ids(2, TRACK_COUNT))
    favourites = random.integers(0, TRACK_COUNT, (PEOPLE, 300))
    per_day = max(total // DAYS, 27_500)
    for start in range(0, total, batch):
        count = min(batch, total - start)
        places = np.arange(start, start + count)
        person = random.integers(0, PEOPLE, count)
        popular = np.minimum(random.zipf(1.15, count) - 1, TRACK_COUNT - 1)
        own = favourites[person, random.integers(0, 300, count)]
        track = np.where(random.random(count) < 0.6, own, popular)
        day = places // per_day
        # Three sessions on most days of a person, of about ten listens.
        hour = 7 + (7 * person + 3 * day + 5 * random.integers(0, 3, count)) % 16
        played = _START_MS + day * _DAY_MS + hour * 3_600_000 + random.integers(0, 3_600_000, count)
        order = np.lexsort((track, played, person))
        yield pa.Table.from_arrays(
            [
                pa.DictionaryArray.from_arrays(pa.array(person[order].astype(np.int32)), people),
                pa.array(played[order]).cast(pa.timestamp("ms", "UTC")),
                pa.DictionaryArray.from_arrays(pa.array(track[order].astype(np.int32)), tracks),
                pa.array(random.integers(1_000, 300_000, count).astype(np.int32)),
                pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array(["extended_history"])),
                pa.array(random.random(count) < 0.2),
                pa.array(random.random(count) < 0.5),
                pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array(["trackdone"])),
            ],
            schema=LISTENS.schema,
        )


def context() -> dict[Dataset, pa.Table]:
    """The people, the tracks, and the features and moods of nine tracks in ten."""
    random = np.random.default_rng(9)
    people, tracks = ids(1, PEOPLE), ids(2, TRACK_COUNT)
    labelled = tracks[: TRACK_COUNT * 9 // 10]
    probabilities = random.dirichlet([1, 1, 1, 1], len(labelled)).astype(np.float32)
    moment = pa.array([_START_MS]).cast(pa.timestamp("ms", "UTC"))[0]
    columns = {name: random.random(len(labelled)) for name in FEATURES[:9]}
    return {
        USERS: pa.table(
            {
                "user_id": people,
                "display_name": [f"person {index}" for index in range(PEOPLE)],
                "timezone": [_ZONES[index % len(_ZONES)] for index in range(PEOPLE)],
                "connected_at": [moment] * PEOPLE,
                "recorded_at": [moment] * PEOPLE,
            }
        ),
        TRACKS: pa.table(
            {
                "track_id": tracks,
                "name": [f"title {index}" for index in range(TRACK_COUNT)],
                "artists": [[f"artist {index % 9_000}"] for index in range(TRACK_COUNT)],
                "album": [f"album {index % 20_000}" for index in range(TRACK_COUNT)],
                "duration_ms": pa.array(random.integers(60_000, 400_000, TRACK_COUNT), pa.int32()),
                "isrc": pa.nulls(TRACK_COUNT, pa.string()),
                "release_date": [str(1960 + index % 66) for index in range(TRACK_COUNT)],
                "kind": ["track"] * TRACK_COUNT,
            }
        ),
        AUDIO_FEATURES: pa.table(
            {"track_id": labelled}
            | columns
            | {
                "duration_ms": pa.array(random.integers(60_000, 400_000, len(labelled)), pa.int32()),
                "source": ["catalog"] * len(labelled),
                "fetched_at": [moment] * len(labelled),
            }
        ),
        MOODS: pa.table(
            {
                "track_id": labelled,
                "model_version": ["bench/1"] * len(labelled),
                "mood": pa.array([("Calm", "Energetic", "Happy", "Sad")[index] for index in probabilities.argmax(1)]),
                **{f"p_{name}": probabilities[:, at] for at, name in enumerate(("calm", "energetic", "happy", "sad"))},
                "uncertain": probabilities.max(1) < 0.5,
                "out_of_distribution": [False] * len(labelled),
                "feature_source": ["catalog"] * len(labelled),
                "labelled_at": [moment] * len(labelled),
            }
        ),
    }
