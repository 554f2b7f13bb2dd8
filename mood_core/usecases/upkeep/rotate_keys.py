"""Encrypts the stored tokens with a new key, so that an old key becomes useless."""

from __future__ import annotations

from collections.abc import Callable

from mood_core.store.queries.token_rows import TokenRows


def reencrypt(tokens: TokenRows, rotate: Callable[[bytes], bytes]) -> int:
    """Encrypt every stored token with the newest key, some hundred at a time; returns their number.

    A token that another worker refreshes meanwhile is read again, so that it is not overwritten.

    Raises:
        ConfigError: A token cannot be decrypted with any known key.
    """
    done = 0
    for page in tokens.pages():
        left = page
        while left:
            new = {user_id: (rotate(stored.ciphertext), stored.version) for user_id, stored in left.items()}
            replaced = tokens.replace_ciphertexts(new)
            done += len(replaced)
            read = {user_id: tokens.read(user_id) for user_id in left.keys() - replaced}
            left = {user_id: stored for user_id, stored in read.items() if stored is not None}
    return done
