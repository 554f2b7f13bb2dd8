"""Counts the listens of people of whom nothing is counted yet, some people at a time: at the end of a rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Row

from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.engine.numbers import number_columns
from mood_core.store.loading.counted import count_some, people_to_count
from mood_core.store.loading.day_counts import day_counts
from mood_core.store.loading.key_cache import KeyCache
from mood_core.store.loading.person_labels import find_person_labels, with_own_labels
from mood_core.store.loading.queues import refill_feature_queue, refill_label_queue
from mood_core.store.loading.ranks import rank_some
from mood_core.store.loading.time_zones import offsets_of

_DAY_S = 86_400


def show_labels(connection: Connection) -> None:
    """Show the labels of the current model, or else of the newest."""
    for estimated in ({"estimated": 0}, {"estimated": 1}):
        if connection.scalar(query("has_current_labels"), estimated) is None:
            connection.execute(query("hide_labels"), estimated)
            connection.execute(query("show_newest_labels"), estimated)


def prepare_counts(connection: Connection) -> None:
    """Choose the labels that count, and fill what is not about single people."""
    show_labels(connection)
    find_person_labels(connection)
    refill_label_queue(connection)
    refill_feature_queue(connection)
    connection.execute(query("delete_rows", table="_heard_tracks"))
    connection.execute(query("find_heard_tracks"))


def count_whole_histories(connection: Connection, cache: KeyCache, people: Sequence[Row[Any]]) -> None:
    """Count every listen of some people, given by ``user_key`` and ``timezone``, in all tables of counts."""
    values = {"ids": [person.user_key for person in people]}
    counts = [_counts(connection, cache, person) for person in people]
    for statement in ("add_to_mood_days", "add_to_covered_listens"):
        insert_rows(connection, statement, pa.concat_tables([each[statement] for each in counts]))
    for statement in ("index_pending_listens", "count_listen_totals"):
        connection.execute(query(statement, "ids"), values)
    due = people_to_count(connection, values["ids"])
    if due:
        count_some(connection, cache, due)
        rank_some(connection, cache, [person.user_key for person in due])


def _counts(connection: Connection, cache: KeyCache, person: Row[Any]) -> dict[str, pa.Table]:
    """A person's daily counts, and the listens by source of the audio features; by the statement that writes them."""
    times, keys, _ = number_columns(connection, query("listens_to_count"), {"user": person.user_key})
    tracks, places = np.unique(keys, return_inverse=True)
    labels = cache.labels(connection, tracks)
    own = with_own_labels(connection, np.full(len(tracks), person.user_key), tracks, labels).at(places)
    seconds = times // 1000
    days = (seconds + offsets_of(connection, person.timezone, seconds)) // _DAY_S
    listens = np.bincount(labels.sources[places])
    covered = np.flatnonzero(listens[1:]) + 1  # without features the source is 0
    users = np.full(len(covered), person.user_key)
    return {
        "add_to_mood_days": day_counts(np.full(len(times), person.user_key), days, own.codes, own.chances),
        "add_to_covered_listens": pa.table({"user_key": users, "source_key": covered, "listens": listens[covered]}),
    }
