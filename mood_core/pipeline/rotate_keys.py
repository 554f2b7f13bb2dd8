"""Gives tokens at rest a new key, so that an old one may become known without harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from mood_core.drafts import draft_of, sweep_beside
from mood_core.errors import ConfigError
from mood_core.private_files import open_private
from mood_core.records import StoredToken


class Tokens(Protocol):
    """Encrypted tokens under compare and swap."""

    def read(self, user_id: str) -> StoredToken | None: ...  # noqa: D102
    def replace_ciphertext(self, user_id: str, ciphertext: bytes, *, expected_version: int) -> bool: ...  # noqa: D102


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Write the keys, newest first, one a line, into the private file ``path``; it changes whole or not at all."""
    sweep_beside(path)
    part = draft_of(path)
    with open_private(part) as file:
        file.write("".join(f"{key}\n" for key in keys).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_keys(path: Path) -> list[str]:
    """The keys in ``path``, newest first.

    Raises:
        ConfigError: There is no such file, or it is damaged.
    """
    try:
        return path.read_text(encoding="ascii").split()
    except FileNotFoundError as error:
        raise ConfigError(f"there is no key in {path} yet; `moodlog connect` makes one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key file {path} cannot be read; put it back from a backup") from error


def reencrypt(user_ids: Sequence[str], tokens: Tokens, rotate: Callable[[bytes], bytes]) -> int:
    """Encrypt every stored token with the newest key; returns how many were.

    A token that another worker refreshes meanwhile is read again: nothing is overwritten.

    Raises:
        ConfigError: A token's key is none of the known ones.
    """
    done = 0
    for user_id in user_ids:
        while (stored := tokens.read(user_id)) is not None:
            if tokens.replace_ciphertext(user_id, rotate(stored.ciphertext), expected_version=stored.version):
                done += 1
                break
    return done
