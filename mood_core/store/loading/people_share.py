"""One of several equal shares of all people, so that several databases can each load the rows of some people."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import pyarrow as pa

from mood_core.lake.schema import PERSONAL, USERS

_SHARED = {dataset.name for dataset in PERSONAL} - {USERS.name}


@dataclass(frozen=True, slots=True)
class PeopleShare:
    """The people whose id has the remainder ``number`` by a hash modulo ``shares``."""

    number: int = 0
    shares: int = 1

    def only(self, dataset: str, rows: pa.Table, keyed: pa.Table) -> pa.Table:
        """The rows of ``keyed`` whose person, in the same row of ``rows``, is in this share.

        All rows stay in datasets without people, and in ``users``: each share has a key for every person.
        """
        if self.shares == 1 or dataset not in _SHARED:
            return keyed
        ids = rows["user_id"].cast(pa.string()).combine_chunks().dictionary_encode()
        wanted = [crc32(id_.encode()) % self.shares == self.number for id_ in ids.dictionary.to_pylist()]
        return keyed.filter(pa.array(wanted, pa.bool_()).take(ids.indices))


EVERYONE = PeopleShare()
