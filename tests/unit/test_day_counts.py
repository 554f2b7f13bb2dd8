"""Listens counted by person, local day and label, beside counting them one by one."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mood_core.store.loading.day_counts import DAY_COLUMNS, day_counts

_LISTEN = st.tuples(
    st.integers(1, 4),
    st.integers(-1, 20_500),
    st.integers(0, 8),
    st.lists(st.integers(0, 10_000), min_size=4, max_size=4),
)


@settings(deadline=None)
@given(st.lists(_LISTEN, min_size=1, max_size=40))
def test_every_listen_is_counted_once_on_its_day(listens: list[tuple[int, int, int, list[int]]]) -> None:
    users, days, codes, chances = (np.array(column) for column in zip(*listens, strict=True))
    counted = day_counts(users.astype(np.int64), days.astype(np.int64), codes.astype(np.int8), chances.astype(np.int16))
    rows = counted.to_pylist()
    assert [(row["user_key"], row["day"]) for row in rows] == sorted({(user, day) for user, day, *_ in listens})
    one_by_one = Counter((user, day, code % 4 if code < 8 else 4) for user, day, code, _ in listens)
    uncertain = Counter((user, day, 5 + code % 4) for user, day, code, _ in listens if 4 <= code < 8)
    expected = one_by_one + uncertain
    for user, day, _, shares in listens:
        for place, share in enumerate(shares):
            expected[user, day, 9 + place] += share
            expected[user, day, 13 + place] += share * (10_000 - share)
    for row in rows:
        key = row["user_key"], row["day"]
        assert [row[name] for name in DAY_COLUMNS] == [expected[(*key, place)] for place in range(17)]
