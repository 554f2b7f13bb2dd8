"""Encrypts the stored tokens with a new key, so that an old key becomes useless."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mood_core.store.queries.token_rows import TokenRows


def reencrypt(user_ids: Sequence[str], tokens: TokenRows, rotate: Callable[[bytes], bytes]) -> int:
    """Encrypt every stored token with the newest key; returns their number.

    A token that another worker refreshes meanwhile is read again, so that it is not overwritten.

    Raises:
        ConfigError: A token cannot be decrypted with any known key.
    """
    done = 0
    for user_id in user_ids:
        while (stored := tokens.read(user_id)) is not None:
            if tokens.replace_ciphertext(user_id, rotate(stored.ciphertext), expected_version=stored.version):
                done += 1
                break
    return done
