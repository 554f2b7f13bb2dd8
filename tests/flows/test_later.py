"""What is put off: who shares the run that does it later, and who gets one of their own."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flows.later import shared_key

AT = datetime(2026, 11, 20, 14, 10, tzinfo=UTC)


def test_the_same_put_off_until_the_same_hour_is_one_run() -> None:
    half_past = AT.replace(minute=40)
    parameters = {"people": ["ada"], "first_day": date(2026, 11, 1)}
    assert shared_key("d", "accounts", AT, parameters) == shared_key("d", "accounts", half_past, dict(parameters))


def test_nobody_is_left_out_because_somebody_else_waits_for_the_same_hour() -> None:
    keys = {
        shared_key("d", "accounts", AT, {"people": ["ada"]}),
        shared_key("d", "accounts", AT, {"people": ["bo"]}),
        shared_key("d", "accounts", AT.replace(hour=15), {"people": ["ada"]}),
        shared_key("d", "features", AT, {"people": ["ada"]}),
        shared_key("other", "accounts", AT, {"people": ["ada"]}),
    }
    assert len(keys) == 5
