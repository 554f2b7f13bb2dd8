"""What the doctor makes of a schedule and a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mood_core.usecases.upkeep.check_health import Level, Scheduled, clock_finding, ghost_findings, schedule_finding

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@pytest.mark.parametrize(
    ("reported", "pulled", "level", "word"),
    [
        (None, None, Level.WARNING, "no scheduled run starts"),
        (None, _ago(30), Level.WARNING, "no scheduled run starts"),
        (None, _ago(3), Level.OK, "the last pull was 2026-11-20 09:00 UTC"),
        (Scheduled(active=False), _ago(3), Level.WARNING, "not scheduled"),
        (Scheduled(active=True, since=_ago(900), last_success=_ago(9)), None, Level.OK, "last succeeded 2026-11-20 03"),
        (Scheduled(active=True, since=_ago(2)), None, Level.OK, "has not succeeded yet"),
        (Scheduled(active=True, since=_ago(900), last_success=_ago(40)), None, Level.WARNING, "last succeeded"),
        (Scheduled(active=True, since=_ago(900), last_success=_ago(70)), None, Level.BROKEN, "last succeeded"),
        (Scheduled(active=True, since=_ago(100)), None, Level.BROKEN, "has not succeeded yet"),
        (Scheduled(active=True, last_success=_ago(9), unscheduled=("pull",)), None, Level.BROKEN, "scheduled for pull"),
        (Scheduled(active=True, last_success=_ago(1), waits_for_worker=True), None, Level.WARNING, "no worker"),
        (Scheduled(active=True, since=_ago(9), failed_since=_ago(1)), None, Level.WARNING, "11:00 UTC, failed"),
        (
            Scheduled(active=True, last_success=_ago(26), failed_since=_ago(2)),
            None,
            Level.WARNING,
            "failed; the nightly",
        ),
    ],
)
def test_the_schedule_is_well_while_nights_succeed_and_else_has_a_remedy(
    reported: Scheduled | None, pulled: datetime | None, level: Level, word: str
) -> None:
    finding = schedule_finding(reported, pulled, NOW)
    assert finding.level is level
    assert word in finding.said
    assert bool(finding.remedy) == (level is not Level.OK)


def test_a_home_that_moodlog_serve_has_left_is_not_well_however_new_its_last_pull_is() -> None:
    finding = schedule_finding(None, _ago(1), NOW, has_served=True)
    assert (finding.level, "moodlog serve" in finding.said) == (Level.WARNING, True)


@pytest.mark.parametrize(
    ("service_time", "level", "word"),
    [
        (NOW, Level.OK, "agrees"),
        (_ago(1 / 60), Level.WARNING, "60 seconds ahead of"),
        (_ago(-1), Level.BROKEN, "60 minutes behind"),
        (None, Level.WARNING, "no time"),
    ],
)
def test_a_clock_that_differs_from_spotifys_is_reported_by_how_much(
    service_time: datetime | None, level: Level, word: str
) -> None:
    finding = clock_finding(NOW, service_time)
    assert (finding.level, word in finding.said) == (level, True)


def test_runs_that_no_process_holds_are_named_with_a_remedy() -> None:
    assert ghost_findings(None) == ghost_findings(Scheduled(active=True)) == []
    many = tuple(f"run {number}" for number in range(7))
    (own,) = ghost_findings(Scheduled(active=True, ghosts=many, is_own=True))
    assert (own.level, "run 4 and 2 more" in own.said) == (Level.WARNING, True)
    assert "moodlog serve" in own.remedy
    (other,) = ghost_findings(Scheduled(active=True, ghosts=("a slot of pull",)))
    assert "moodlog setup" in other.remedy
