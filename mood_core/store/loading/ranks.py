"""Ranks of people's tracks and artists by mood, their years of release and their tracks without a mood.

Unlike the other counts they include every listen, because ranks cannot be added up. They hold until the person has a
later listen; what is changed in the past deletes them. The ends of runs and imports rank again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection

from mood_core.domain.records import MOODS
from mood_core.store.engine.bulk import insert_rows
from mood_core.store.engine.named_queries import query
from mood_core.store.loading.history_counts import MOOD_COLUMNS
from mood_core.store.loading.key_cache import KeyCache
from mood_core.store.loading.keys import raw_rows
from mood_core.store.loading.person_labels import with_own_labels

RANKED = ("_counted_top_tracks", "_counted_top_artists", "_counted_years", "_counted_unlabelled")
"""The tables."""

_PLACES = 50
_PEOPLE_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Plays:
    """Listens of people and tracks: ``people`` (n,), ``tracks`` (n,) as indices of ``keys`` (t,), ``listens`` (n,).

    ``moods`` (n,) are indices in MOOD_COLUMNS.
    """

    people: NDArray[np.int64]
    tracks: NDArray[np.int64]
    listens: NDArray[np.int64]
    moods: NDArray[np.int64]
    keys: NDArray[np.int64]


def people_to_rank(connection: Connection) -> list[int]:
    """The keys of the people who are counted and have a listen since their ranks were made."""
    return list(connection.scalars(query("people_to_rank")))


def rank_people(connection: Connection) -> int:
    """Rank again for the people of :func:`people_to_rank`; returns their number."""
    people = people_to_rank(connection)
    cache = KeyCache()
    for first in range(0, len(people), _PEOPLE_AT_ONCE):
        rank_some(connection, cache, people[first : first + _PEOPLE_AT_ONCE])
    return len(people)


def rank_some(connection: Connection, cache: KeyCache, ids: list[int]) -> None:
    """Rank again for people who are counted, by their keys."""
    for table in RANKED:
        connection.execute(query("delete_counted", table=table), {"ids": ids})
    _rank(connection, cache, ids)
    connection.execute(query("ranks_hold"), {"ids": ids})


def forget_ranks_of(connection: Connection, track_keys: Sequence[int]) -> None:
    """Let the ranks of people who have played one of ``track_keys`` no longer hold: its description has changed."""
    if track_keys:
        connection.execute(query("ranks_do_not_hold"), {"ids": list(track_keys)})


def _rank(connection: Connection, cache: KeyCache, ids: list[int]) -> None:
    plays = _plays_of(connection, cache, ids)
    described = {
        key: (id_, year)
        for key, id_, year in raw_rows(connection.execute(query("tracks_to_rank"), {"ids": plays.keys.tolist()}))
    }
    labelled = plays.moods < len(MOODS)
    names = [described[key][0] for key in plays.keys.tolist()]
    people, moods = plays.people[labelled], plays.moods[labelled]
    rows = _ranked(people, moods, plays.tracks[labelled], plays.listens[labelled], names)
    rows["track_key"] = plays.keys[rows.pop("name")]
    _insert(connection, "rank_tracks", rows)
    _rank_artists(connection, plays, labelled)
    rest: dict[str, NDArray[np.generic]] = {
        "user_key": plays.people[~labelled],
        "track_key": plays.keys[plays.tracks[~labelled]],
        "listens": plays.listens[~labelled],
    }
    _insert(connection, "count_unlabelled", rest)
    years = np.array([described[key][1] or 0 for key in plays.keys.tolist()], np.int64)
    _insert(connection, "count_years", _by_year(plays, years[plays.tracks]))


def _plays_of(connection: Connection, cache: KeyCache, ids: list[int]) -> _Plays:
    rows = raw_rows(connection.execute(query("plays_to_rank"), {"ids": ids}))
    people, tracks, listens = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 3).T
    keys, places = np.unique(tracks, return_inverse=True)
    pairs, found = np.unique(people * len(keys) + places, return_inverse=True)
    person, track = np.divmod(pairs, max(len(keys), 1))
    labels = with_own_labels(connection, person, keys[track], cache.labels(connection, keys).at(track))
    codes = labels.codes.astype(np.int64)
    moods = np.where(codes < 2 * len(MOODS), codes % len(MOODS), len(MOODS))
    return _Plays(person, track, np.bincount(found, listens, len(pairs)).astype(np.int64), moods, keys)


def _rank_artists(connection: Connection, plays: _Plays, labelled: NDArray[np.bool_]) -> None:
    credited = raw_rows(connection.execute(query("credits_to_rank"), {"ids": plays.keys.tolist()}))
    artists = list(dict.fromkeys(artist for _, artist in credited))
    code_of = {artist: code for code, artist in enumerate(artists)}
    tracks = np.searchsorted(plays.keys, np.array([key for key, _ in credited], np.int64))
    codes = np.array([code_of[artist] for _, artist in credited], np.int64)
    order = np.argsort(tracks, kind="stable")
    many = np.bincount(tracks, minlength=len(plays.keys))
    firsts = np.cumsum(many) - many
    here = np.flatnonzero(labelled)
    times = many[plays.tracks[here]]
    rows = np.repeat(here, times)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
    heard = codes[order][np.repeat(firsts[plays.tracks[here]], times) + within]
    cells = (plays.people[rows] * len(MOODS) + plays.moods[rows]) * max(len(artists), 1) + heard
    found, places = np.unique(cells, return_inverse=True)
    listens = np.bincount(places, plays.listens[rows], len(found)).astype(np.int64)
    group, artist = np.divmod(found, max(len(artists), 1))
    ranked = _ranked(group // len(MOODS), group % len(MOODS), artist, listens, artists)
    ranked["artist"] = np.array(artists, object)[ranked.pop("name")]
    _insert(connection, "rank_artists", ranked)


def _ranked(
    people: NDArray[np.int64],
    moods: NDArray[np.int64],
    things: NDArray[np.int64],
    listens: NDArray[np.int64],
    names: list[str],
) -> dict[str, NDArray[np.generic]]:
    """The first of each person and mood by listens, ties by the names of ``things`` ((n,) indices of ``names``)."""
    by_name = np.empty(len(names), np.int64)
    by_name[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    order = np.lexsort((by_name[things], -listens, moods, people))
    groups = (people * len(MOODS) + moods)[order]
    _, firsts, sizes = np.unique(groups, return_index=True, return_counts=True)
    places = np.arange(len(order)) - np.repeat(firsts, sizes) + 1
    kept = order[places <= _PLACES]
    return {
        "user_key": people[kept],
        "mood": np.array(MOODS)[moods[kept]],
        "place": places[places <= _PLACES],
        "name": things[kept],
        "listens": listens[kept],
    }


def _by_year(plays: _Plays, years: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    """Listens by person, year and mood; 0 is an unknown year, which is left out."""
    known = years > 0
    found, places = np.unique(plays.people[known] * 10_000 + years[known], return_inverse=True)
    size = len(MOOD_COLUMNS)
    cells = np.bincount(places * size + plays.moods[known], plays.listens[known], len(found) * size)
    counts = cells.astype(np.int64).reshape(len(found), size).T
    return {
        "user_key": found // 10_000,
        "release_year": found % 10_000,
        **dict(zip(MOOD_COLUMNS, counts, strict=True)),
    }


def _insert(connection: Connection, statement: str, columns: dict[str, NDArray[np.generic]]) -> None:
    text = {"mood", "artist"}
    table = {name: pa.array(column, pa.string() if name in text else None) for name, column in columns.items()}
    insert_rows(connection, statement, pa.table(table))
