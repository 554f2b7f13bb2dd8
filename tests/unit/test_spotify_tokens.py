"""A person's token: its form at rest and the end of the permission."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mood_core.domain.records import from_ms
from mood_core.errors import ConfigError
from mood_core.processes import this_host
from mood_core.spotify.key_file import read_or_make_keys
from mood_core.spotify.tokens import Token, TokenCipher, days_left, permission_ends_at

moments = st.integers(0, 4_000_000_000_000).map(from_ms)
tokens = st.builds(Token, st.text(), st.text(), moments, st.text(), moments)


@given(tokens)
def test_json_keeps_a_token(token: Token) -> None:
    assert Token.from_json(token.to_json()) == token


def test_repr_shows_no_secret() -> None:
    shown = repr(Token("AAA-secret", "BBB-secret", datetime(2026, 1, 1, tzinfo=UTC), "scope", datetime.now(UTC)))
    assert "secret" not in shown
    assert "scope" in shown


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"nonsense", b'{"access_token": 1}', b"\xff\xfe"])
def test_what_is_no_token_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError, match="moodlog reconnect"):
        Token.from_json(data)


def test_a_refresh_keeps_what_its_answer_leaves_out() -> None:
    authorised_at = datetime(2026, 8, 1, tzinfo=UTC)
    old = Token("a1", "r1", datetime(2026, 8, 1, 1, tzinfo=UTC), "s1", authorised_at)
    later = datetime(2026, 9, 1, tzinfo=UTC)
    assert old.refreshed("a2", None, later, None) == Token("a2", "r1", later, "s1", authorised_at)
    assert old.refreshed("a2", "r2", later, "s2") == Token("a2", "r2", later, "s2", authorised_at)


def test_freshness_ends_a_minute_early() -> None:
    ends = datetime(2026, 8, 1, tzinfo=UTC)
    token = Token("a", "r", ends, "s", ends)
    assert token.is_fresh(ends - timedelta(seconds=61))
    assert not token.is_fresh(ends - timedelta(seconds=60))


def test_any_of_the_keys_decrypts_and_the_newest_encrypts() -> None:
    old_key, new_key = TokenCipher.generate_key(), TokenCipher.generate_key()
    secret = TokenCipher([old_key]).encrypt(b"secret")
    both = TokenCipher([new_key, old_key])
    assert both.decrypt(secret) == b"secret"
    assert TokenCipher([new_key]).decrypt(both.encrypt(b"more")) == b"more"
    assert TokenCipher([new_key]).decrypt(both.rotate(secret)) == b"secret"


def test_a_wrong_key_is_reported_as_such() -> None:
    secret = TokenCipher([TokenCipher.generate_key()]).encrypt(b"secret")
    other = TokenCipher([TokenCipher.generate_key()])
    with pytest.raises(ConfigError, match="MOODLOG_TOKEN_KEY"):
        other.decrypt(secret)
    with pytest.raises(ConfigError, match="MOODLOG_TOKEN_KEY"):
        other.rotate(secret)


@pytest.mark.parametrize("keys", [[], [""], ["short"], ["ключ"], [TokenCipher.generate_key(), "short"]])
def test_what_is_no_key_is_refused_without_being_shown(keys: list[str]) -> None:
    with pytest.raises(ConfigError, match="MOODLOG_TOKEN_KEY") as caught:
        TokenCipher(keys)
    assert "short" not in caught.value.message


@pytest.mark.parametrize(
    ("authorised", "ends"),
    [
        ("2026-07-20T10:00:00+00:00", "2027-01-20T10:00:00+00:00"),
        ("2026-08-31T10:00:00+00:00", "2027-02-28T10:00:00+00:00"),
        ("2027-08-31T10:00:00+00:00", "2028-02-29T10:00:00+00:00"),
        ("2026-12-31T23:59:59+00:00", "2027-06-30T23:59:59+00:00"),
        ("2026-06-15T00:00:00+00:00", "2026-12-15T00:00:00+00:00"),
    ],
)
def test_the_permission_ends_six_calendar_months_later(authorised: str, ends: str) -> None:
    assert permission_ends_at(datetime.fromisoformat(authorised)) == datetime.fromisoformat(ends)


def test_days_left_are_whole_days_and_negative_after_the_end() -> None:
    authorised = datetime(2026, 8, 1, 12, tzinfo=UTC)
    end = datetime(2027, 2, 1, 12, tzinfo=UTC)
    assert days_left(authorised, end - timedelta(days=30)) == 30
    assert days_left(authorised, end - timedelta(hours=23)) == 0
    assert days_left(authorised, end + timedelta(hours=1)) == -1


@given(moments)
def test_a_permission_lasts_181_to_184_days(authorised: datetime) -> None:
    assert 181 <= days_left(authorised, authorised) <= 184


def test_the_copy_of_a_key_that_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "token.key"
    key = TokenCipher.generate_key()
    assert read_or_make_keys(path, lambda: key) == [key]
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    os.link(path, tmp_path / f".token.key.{ended.pid}@{this_host()}@1.draft")
    assert read_or_make_keys(path, TokenCipher.generate_key) == [key]
    assert [left.name for left in tmp_path.iterdir()] == ["token.key"]
