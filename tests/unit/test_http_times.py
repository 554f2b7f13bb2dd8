"""Times in headers: read as they are meant, and never with a traceback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mood_core.http.headers import LONGEST_RETRY_AFTER_S, http_time, retry_after_s

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
DAY_S = 86_400


@given(seconds=st.integers(0, 10**8))
@example(10 * DAY_S)
@example(400 * DAY_S)
def test_a_number_and_a_date_ask_for_the_same(seconds: int) -> None:
    until = NOW + timedelta(seconds=seconds)
    expected = min(seconds, LONGEST_RETRY_AFTER_S)
    assert retry_after_s(str(seconds), NOW) == expected
    assert retry_after_s(format_datetime(until, usegmt=True), NOW) == expected
    assert http_time(format_datetime(until, usegmt=True)) == until
    assert retry_after_s(format_datetime(NOW - timedelta(seconds=seconds), usegmt=True), NOW) == 0.0


@pytest.mark.parametrize("value", [None, "", "soon", "nan", "inf", "-inf", "-5", "9" * 400])
def test_what_says_nothing_readable_asks_for_nothing(value: str | None) -> None:
    assert retry_after_s(value, NOW) is None


@given(st.text())
def test_any_header_is_read_or_ignored(value: str) -> None:
    wait = retry_after_s(value, NOW)
    assert wait is None or 0 <= wait <= LONGEST_RETRY_AFTER_S
    moment = http_time(value)
    assert moment is None or moment.tzinfo is UTC
