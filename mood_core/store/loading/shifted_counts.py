"""Changes the kept counts of a person by the difference that new labels of some of their tracks make.

Counting again would read all listens of the person and look up all their labels; after an answer about one track, that
would take seconds in a long history.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.domain.records import MOODS
from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.numbers import number_columns
from mood_core.store.loading.day_counts import DAY_COLUMNS, day_counts
from mood_core.store.loading.history_counts import by_place, pairs_of, sessions_of, skips
from mood_core.store.loading.key_cache import TrackLabels
from mood_core.store.loading.person_labels import find_labels_of, with_own_labels
from mood_core.store.loading.time_zones import offsets_of

ModelLabels = Callable[[Connection, NDArray[np.int64]], TrackLabels]
"""Returns the labels of tracks by the current model."""

_DAY_S = 86_400
_HOURS = 24
_CODES = len(MOODS) + 1
_UNLABELLED = len(MOODS)


def follow_answers(connection: Connection, labels: ModelLabels, answers: pa.Table) -> None:
    """Give the listens of the tracks of ``answers`` (``user_key``, ``track_key``) their labels, and count them so."""
    people, tracks = (answers[name].to_numpy() for name in ("user_key", "track_key"))
    for user_key in np.unique(people).tolist():
        changed = np.unique(tracks[people == user_key])
        before = _labels(connection, labels, user_key, changed)
        find_labels_of(connection, user_key, changed)
        _Shift(connection, labels, user_key, changed, before, _labels(connection, labels, user_key, changed)).run()


def _labels(connection: Connection, of_model: ModelLabels, user_key: int, track_keys: NDArray[np.int64]) -> TrackLabels:
    """The labels of the person's listens of ``track_keys`` (n,)."""
    labels = of_model(connection, track_keys)
    return with_own_labels(connection, np.full(len(track_keys), user_key), track_keys, labels)


class _Shift:
    """The change of the labels of a person's ``track_keys`` (n,), which are sorted, from ``before`` to ``after``."""

    def __init__(
        self,
        connection: Connection,
        of_model: ModelLabels,
        user_key: int,
        track_keys: NDArray[np.int64],
        before: TrackLabels,
        after: TrackLabels,
    ) -> None:
        self._connection, self._of_model, self._user = connection, of_model, user_key
        self._tracks, self._before, self._after = track_keys, before, after
        self._history = number_columns(connection, query("listens_to_count"), {"user": user_key})
        times, heard, _ = self._history
        here = np.isin(heard, track_keys)
        self._times, self._places = times[here], np.searchsorted(track_keys, heard[here])

    def run(self) -> None:
        """Change the counts."""
        if not len(self._times):
            return
        zone = self._connection.execute(query("time_zones_by_key"), {"ids": [self._user]}).one().timezone
        local_s = self._times // 1000 + offsets_of(self._connection, zone, self._times // 1000)
        self._shift_days(local_s // _DAY_S)
        for _, until_ms, _ in self._connection.execute(query("counted_until"), {"ids": [self._user]}).all():
            times, heard, skipped = (column[self._history[0] < until_ms] for column in self._history)
            self._shift_hours(local_s // 3600 % _HOURS, self._times < until_ms)
            self._shift_transitions(times, heard)
            self._shift_places_and_skips(times, heard, skipped)
        self._connection.execute(query("forget_ranks"), {"ids": [self._user]})

    def _shift_days(self, days: NDArray[np.int64]) -> None:
        users = np.full(len(days), self._user)
        old, new = (
            day_counts(users, days, labels.codes[self._places], labels.chances[self._places])
            for labels in (self._before, self._after)
        )
        columns = {name: new[name].to_numpy() - old[name].to_numpy() for name in DAY_COLUMNS}
        changes = pa.table({"user_key": old["user_key"], "day": old["day"], **columns}).to_pylist()
        self._connection.execute(query("shift_mood_days"), changes)

    def _shift_hours(self, hours: NDArray[np.int64], counted: NDArray[np.bool_]) -> None:
        cells = np.zeros((_HOURS, _CODES), np.int64)
        for labels, sign in ((self._before, -1), (self._after, 1)):
            np.add.at(cells, (hours[counted], _moods(labels)[self._places[counted]]), sign)
        changed = np.flatnonzero(cells.any(axis=1))
        names = ["user_key", "hour", *(mood.lower() for mood in MOODS), "unlabelled"]
        columns = [np.full(len(changed), self._user), changed, *cells[changed].T]
        insert_rows(self._connection, "add_to_counted_hours", pa.table(dict(zip(names, columns, strict=True))))

    def _shift_places_and_skips(
        self, times: NDArray[np.int64], heard: NDArray[np.int64], all_skipped: NDArray[np.int64]
    ) -> None:
        here = np.isin(heard, self._tracks)
        keys, places, skipped = heard[here], sessions_of(times).places[here], all_skipped[here]
        for labels, sign in ((self._before, -1), (self._after, 1)):
            moods = _moods(labels)[np.searchsorted(self._tracks, keys)]
            changes = {
                "add_to_counted_places": by_place(places, moods),
                "add_to_counted_skips": skips(skipped, moods),
            }
            for statement, columns in changes.items():
                key, *counts = columns
                signed = {name: sign * columns[name] for name in counts}
                users = np.full(len(columns[key]), self._user)
                insert_rows(self._connection, statement, pa.table({"user_key": users, key: columns[key], **signed}))
        self._connection.execute(query("remove_empty_skips"), {"user": self._user})

    def _shift_transitions(self, times: NDArray[np.int64], heard: NDArray[np.int64]) -> None:
        pairs = heard[np.stack(pairs_of(times), 1)]
        tracks, places = np.unique(pairs[np.isin(pairs, self._tracks).any(1)], return_inverse=True)
        after = _moods(_labels(self._connection, self._of_model, self._user, tracks))
        before = after.copy()
        here = np.isin(tracks, self._tracks)
        before[here] = _moods(self._before)[np.searchsorted(self._tracks, tracks[here])]
        codes = [moods[places.reshape(-1, 2)] @ [_CODES, 1] for moods in (before, after)]
        old, new = (np.bincount(each, minlength=_CODES**2).reshape(_CODES, _CODES) for each in codes)
        self._add_transitions((new - old)[:_UNLABELLED, :_UNLABELLED])

    def _add_transitions(self, cells: NDArray[np.int64]) -> None:
        from_moods, to_moods = np.nonzero(cells)
        names = np.array(MOODS)
        columns = [
            np.full(len(from_moods), self._user),
            names[from_moods],
            names[to_moods],
            cells[from_moods, to_moods],
        ]
        table = pa.table(dict(zip(["user_key", "from_mood", "to_mood", "transitions"], columns, strict=True)))
        insert_rows(self._connection, "add_to_counted_transitions", table)
        self._connection.execute(query("remove_empty_transitions"), {"user": self._user})


def _moods(labels: TrackLabels) -> NDArray[np.int64]:
    """The index of each label's mood; 4 without a mood."""
    codes = labels.codes.astype(np.int64)
    return np.where(codes < 2 * len(MOODS), codes % len(MOODS), _UNLABELLED)
