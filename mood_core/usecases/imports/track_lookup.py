"""Finds tracks by artist and title, and groups tracks with the same name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from mood_core.domain.recordings import is_recording_id
from mood_core.domain.track_names import artist_spellings, plain_artist, plain_title

_Name = tuple[str, str]

TrackNames = Iterable[tuple[str, str, str]]
"""(track id, title, artists as "A, B") of tracks."""

Catalog = Callable[[Sequence[_Name]], TrackNames]
"""Returns the names in the person's catalogue files; its argument is the (artist, title) pairs still missing."""


def no_catalog(_missing: Sequence[_Name]) -> TrackNames:
    """A catalogue without files."""
    return ()


class NameSearch:
    """Searches tracks by name; names are normalised by :mod:`mood_core.domain.track_names`.

    Spotify has several ids for one song (single, album, another country's release), and the sources of a listen may
    report different ones. So all tracks of one wanted name form a *group*, represented by its lowest id. Memory grows
    with the wanted names, not with the tracks that are searched.
    """

    def __init__(self) -> None:
        self._wanted: dict[_Name, int] = {}
        self._artists: set[str] = set()
        self._joined: list[int] = []
        self._members: dict[int, set[str]] = {}
        self._group_of: dict[str, int] = {}
        self._more_groups: dict[str, set[int]] = {}  # of tracks that were found by several names

    def want(self, artist: str, title: str) -> None:
        """Search for the tracks of a name in an export."""
        self._want((plain_artist(artist), plain_title(title)))

    def want_track(self, title: str, artists: str) -> None:
        """Search for the tracks with the same name as a known track by "A, B"."""
        plain = plain_title(title)
        self._want(*((artist, plain) for artist in artist_spellings(artists)))

    def want_other_names(self, tracks: TrackNames) -> None:
        """Search for all names of those of ``tracks`` of which one name is wanted; each name is a row of its own."""
        names: dict[str, list[_Name]] = defaultdict(list)
        for track_id, title, artists in tracks:
            names[track_id].append((title, artists))
        for some in names.values():
            if any(next(self._groups_called(*name), None) is not None for name in some):
                for name in some:
                    self.want_track(*name)

    def missing(self) -> list[_Name]:
        """The normalised (artist, title) pairs that were not found yet."""
        return sorted(name for name, group in self._wanted.items() if self._root(group) not in self._members)

    def add(self, tracks: TrackNames, *, only_missing: bool = False) -> dict[str, _Name]:
        """Search ``tracks``; returns (title, artists) of the matches, by track id.

        With ``only_missing``, names that were found before are ignored.
        """
        done = {self._root(group) for group in self._members} if only_missing else set()
        found: dict[str, _Name] = {}
        for track_id, title, artists in tracks:
            groups = {self._root(group) for group in self._groups_called(title, artists)} - done
            if groups:
                group = self._join(groups)
                before = self._root(self._group_of.get(track_id, group))
                if before != group:
                    self._more_groups.setdefault(track_id, set()).add(before)
                self._group_of[track_id] = group
                self._members.setdefault(group, set()).add(track_id)
                found[track_id] = (title, artists)
        return found

    def add_from(self, catalog: Catalog) -> dict[str, _Name]:
        """Search ``catalog`` for the missing names; returns (title, artists) of the matches, by track id."""
        missing = self.missing()
        return self.add(catalog(missing), only_missing=True) if missing else {}

    def find(self, artist: str, title: str) -> str | None:
        """The track with that name, or None."""
        group = self._wanted.get((plain_artist(artist), plain_title(title)))
        members = None if group is None else self._members.get(self._root(group))
        return min(members, key=lambda track_id: (is_recording_id(track_id), track_id)) if members else None

    def join_names(self) -> None:
        """Make one group of all names of each track. :meth:`find` must not follow: it would mix up the names."""
        for track_id, groups in self._more_groups.items():
            self._join({self._root(group) for group in (self._group_of[track_id], *groups)})

    def group_of(self, track_id: str) -> int | None:
        """The group of a track that was found, or None."""
        group = self._group_of.get(track_id)
        return None if group is None else self._root(group)

    def called_like(self, track_id: str) -> frozenset[str]:
        """All matches with the same name, including the track itself; empty if it was not found."""
        group = self.group_of(track_id)
        return frozenset() if group is None else frozenset(self._members[group])

    def _groups_called(self, title: str, artists: str) -> Iterator[int]:
        plain = None
        for artist in artist_spellings(artists):
            if artist in self._artists:
                plain = plain_title(title) if plain is None else plain
                if (artist, plain) in self._wanted:
                    yield self._wanted[artist, plain]

    def _want(self, *names: _Name) -> None:
        groups = {self._root(self._wanted[name]) for name in names if name in self._wanted}
        if groups:
            group = self._join(groups)
        else:
            group = len(self._joined)
            self._joined.append(group)
        for name in names:
            self._wanted[name] = group
            self._artists.add(name[0])

    def _join(self, groups: set[int]) -> int:
        first, *others = sorted(groups)
        for other in others:
            self._joined[other] = first
            if other in self._members:
                self._members.setdefault(first, set()).update(self._members.pop(other))
        return first

    def _root(self, group: int) -> int:
        while self._joined[group] != group:
            group = self._joined[group]
        return group
