"""Loads what an import compares an export with: stored plays, and the tracks of names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mood_core.domain.play_rules import Play
from mood_core.exports.parsed_export import ParsedExport
from mood_core.store.queries.import_rows import ImportRows
from mood_core.usecases.imports.plan import Columns, Ints
from mood_core.usecases.imports.track_lookup import Catalog, NameSearch


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about an export's tracks. Tracks are numbered; those with a URI come first.

    Attributes:
        ids: the track of each number.
        group: the group of each number; recordings with the same name share one.
        stored: stored plays from extended histories.
        others: by group, stored plays from polling and account data.
        track_of_name: the number of each name in the account data; -1 if no track is known.
        named: (title, artist) of tracks that only the export's playlists and library or the catalogue files have.
        for_pending: tracks of pending plays of the person.
        pending_found: number of these plays.
    """

    ids: list[str]
    group: Ints
    stored: Columns
    others: dict[int, list[Play]]
    track_of_name: list[int]
    named: dict[str, tuple[str, str]]
    for_pending: set[str]
    pending_found: int


def gather(read: ParsedExport, user_id: str, rows: ImportRows, catalog: Catalog) -> Known:
    """Load from SQL what is relevant to ``read``; ``catalog`` is searched for names that SQL does not have."""
    others = _others(user_id, rows)
    pending = Counter(play[2:4] for play in rows.pending_plays(user_id))
    search, named = _search(read, user_id, rows, others, pending.keys(), catalog)
    tracks = {name: track_id for name in pending if (track_id := search.find(*name)) is not None}
    pending_found = sum(pending[name] for name in tracks)
    ids = _Numbers(info.track_id for info in read.track_infos)
    found = [search.find(artist, title) for artist, title in read.names]
    search.join_names()
    names = [-1 if track_id is None else ids.of(track_id) for track_id in found]
    named_alike = (each for name in (*ids.all, *found) if name for each in sorted(search.called_like(name)))
    for track_id in [*others, *named_alike]:
        ids.of(track_id)
    group = _groups(ids.all, search)
    by_group: dict[int, list[Play]] = defaultdict(list)
    for track_id, plays in others.items():
        by_group[int(group[ids.of(track_id)])].extend(plays)
    stored = _stored(user_id, rows, ids.all)
    return Known(ids.all, group, stored, by_group, names, named, set(tracks.values()), pending_found)


class _Numbers:
    """Numbers tracks in the order of their first use."""

    def __init__(self, track_ids: Iterable[str]) -> None:
        self.all: list[str] = []
        self._of: dict[str, int] = {}
        for track_id in track_ids:
            self.of(track_id)

    def of(self, track_id: str) -> int:
        number = self._of.setdefault(track_id, len(self.all))
        if number == len(self.all):
            self.all.append(track_id)
        return number


def _others(user_id: str, rows: ImportRows) -> dict[str, list[Play]]:
    plays: dict[str, list[Play]] = defaultdict(list)
    for track_id, play in rows.plays_but_extended(user_id):
        plays[track_id].append(play)
    return plays


def _search(
    read: ParsedExport,
    user_id: str,
    rows: ImportRows,
    others: dict[str, list[Play]],
    pending: Collection[tuple[str, str]],
    catalog: Catalog,
) -> tuple[NameSearch, dict[str, tuple[str, str]]]:
    search = NameSearch()
    has_earlier = rows.has_extended_listens(user_id)
    if not read.names and not others and not pending and not has_earlier:
        return search, {}
    for artist, title in (*read.names, *pending):
        search.want(artist, title)
    if others:
        for track_id, title, artists in rows.track_names():
            if track_id in others:
                search.want_track(title, artists)
    called = [(info.track_id, info.name, info.artist) for info in read.track_infos if info.name]
    called += [(read.track_infos[index].track_id, title, artist) for index, title, artist in sorted(read.other_names)]
    if has_earlier:  # the ids of the same plays may differ
        for _, title, artists in called:
            search.want_track(title, artists)
    search.want_other_names(rows.other_names())
    search.add(called)
    search.add(rows.track_names())
    addresses = ((track_id, *name) for track_id, name in read.addresses.items())
    named = search.add(addresses, only_missing=True)
    return search, named | (search.add_from(catalog) if read.names else {})


def _groups(ids: Sequence[str], search: NameSearch) -> Ints:
    group: Ints = np.arange(len(ids), dtype=np.int64)
    first: dict[int, int] = {}
    for number, track_id in enumerate(ids):
        name = search.group_of(track_id)
        if name is not None:
            group[number] = first.setdefault(name, number)
    return group


def _stored(user_id: str, rows: ImportRows, ids: Sequence[str]) -> Columns:
    """The stored plays of these tracks from extended histories."""
    keys = rows.track_keys(ids)
    number_of = {keys[track_id]: number for number, track_id in enumerate(ids) if track_id in keys}
    parts = [np.empty((0, 3), dtype=np.int64)]
    if number_of:
        for chunk in rows.extended_listens(user_id):
            plays = [(number_of[key], at_ms, ms_played or 0) for key, at_ms, ms_played in chunk if key in number_of]
            parts.append(np.array(plays, dtype=np.int64).reshape(-1, 3))
    table = np.concatenate(parts)
    return Columns(table[:, 0], table[:, 1], table[:, 2])
