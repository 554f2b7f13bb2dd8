"""Splits accounts into shards. An account is always in the same shard, on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b


def shard_of(user_id: str, shards: int) -> int:
    """The shard of an account, from 0 to ``shards`` - 1."""
    return int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest()) % shards


def split(user_ids: Sequence[str], shards: int) -> list[list[str]]:
    """The non-empty shards of ``user_ids``, each in the order given."""
    parts: list[list[str]] = [[] for _ in range(shards)]
    for user_id in user_ids:
        parts[shard_of(user_id, shards)].append(user_id)
    return [part for part in parts if part]
