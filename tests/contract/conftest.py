"""Fixtures of the tests that refresh tokens."""

from __future__ import annotations

import pytest

from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.tokens import Token, TokenCipher
from tests.contract.refreshing import EXPIRED
from tests.contract.spotify_fakes import MemoryTokens, token


@pytest.fixture
def repository() -> MemoryTokens:
    return MemoryTokens()


@pytest.fixture
def cipher() -> TokenCipher:
    return TokenCipher([TokenCipher.generate_key()])


@pytest.fixture
def expired(repository: MemoryTokens, cipher: TokenCipher) -> Token:
    """The stored token of ``person``, whose access token has just ended."""
    old = token(lives=EXPIRED)
    store_new_token("person", old, repository, cipher)
    repository.writes.clear()
    return old
