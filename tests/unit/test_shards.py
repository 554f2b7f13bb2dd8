"""Shards: every account in exactly one, always the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.sharing.shards import shard_of, split


@given(st.lists(st.text(min_size=1), unique=True, max_size=50), st.integers(1, 64))
def test_every_account_is_in_exactly_one_shard(user_ids: list[str], shards: int) -> None:
    parts = split(user_ids, shards)
    assert sorted(user_id for part in parts for user_id in part) == sorted(user_ids)
    assert all(len({shard_of(user_id, shards) for user_id in part}) == 1 for part in parts)
    assert all(parts)


def test_the_shard_of_an_account_does_not_change_between_machines_and_versions() -> None:
    assert [shard_of(name, 4) for name in ("ada", "grace", "linus", "margaret")] == [3, 1, 0, 3]
