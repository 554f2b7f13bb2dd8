"""Which deferred work shares a follow-up run."""

from __future__ import annotations

from datetime import UTC, date, datetime

from flows.deferred_runs import deferral_key

AT = datetime(2026, 11, 20, 14, 10, tzinfo=UTC)


def test_the_same_work_deferred_to_the_same_hour_is_one_run() -> None:
    half_past = AT.replace(minute=40)
    parameters = {"people": ["ada"], "first_day": date(2026, 11, 1)}
    assert deferral_key("d", "accounts", AT, parameters) == deferral_key("d", "accounts", half_past, dict(parameters))


def test_nobody_is_left_out_because_somebody_else_waits_for_the_same_hour() -> None:
    keys = {
        deferral_key("d", "accounts", AT, {"people": ["ada"]}),
        deferral_key("d", "accounts", AT, {"people": ["bo"]}),
        deferral_key("d", "accounts", AT.replace(hour=15), {"people": ["ada"]}),
        deferral_key("d", "features", AT, {"people": ["ada"]}),
        deferral_key("other", "accounts", AT, {"people": ["ada"]}),
    }
    assert len(keys) == 5
