"""What a run says of itself: the verdict, the exit code, and the summary that people read."""

from __future__ import annotations

import pickle
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from prefect.client.schemas.objects import StateType
from rich.console import Console

from flows.report_text import account_rows, headline, markdown, print_report, report_json
from flows.run_failed import RunFailed
from flows.run_names import described
from flows.summary import state_of
from mood_core.features.fetch_report import FetchReport, StoppedSource
from mood_core.report.account_states import AccountState
from mood_core.resolvers.chain import ResolveReport
from mood_core.store.queries.accounts import Account
from mood_core.usecases.nightly.ending_permissions import Permission, ending_permissions
from mood_core.usecases.nightly.label_tracks import LabelReport
from mood_core.usecases.nightly.night_report import NightReport, Verdict
from mood_core.usecases.nightly.pull_listens import PullOutcome

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def _account(user_id: str, state: str, authorised_at: datetime | None) -> Account:
    return Account(user_id, user_id.title(), "UTC", NOW, state, None, authorised_at, None, None, None)


def test_a_run_without_trouble_is_completed() -> None:
    report = NightReport([PullOutcome("ada", new=3), PullOutcome("bo")], FetchReport(), LabelReport("m/1", labelled=2))
    assert (report.verdict, report.exit_code) == (Verdict.COMPLETED, 0)
    assert headline(report) == "3 new listens from 2 accounts, features of 0 tracks, 2 tracks labelled by m/1"


def test_some_trouble_is_degraded_and_all_trouble_is_failed() -> None:
    trouble = PullOutcome("ada", problem="the permission has ended", exit_code=77)
    degraded = NightReport([trouble, PullOutcome("bo", new=1)])
    assert (degraded.verdict, degraded.exit_code) == (Verdict.DEGRADED, 0)
    failed = NightReport([trouble])
    assert (failed.verdict, failed.exit_code) == (Verdict.FAILED, 77)
    assert "the permission has ended" in markdown(failed)


def test_a_state_says_its_reasons_and_reports_what_many_share_once() -> None:
    outcomes = [PullOutcome(f"u{n}", problem="the service is down", exit_code=75) for n in range(9)]
    outcomes += [PullOutcome("ada", problem="the permission has ended", exit_code=77), PullOutcome("bo", new=1)]
    state = state_of(NightReport(outcomes), "deferred accounts run at 2026-11-20 14:00 UTC")
    assert (state.type, state.name) == (StateType.COMPLETED, "Degraded")
    assert state.message == (
        "1 new listen from 11 accounts, 10 problems; 9 accounts (u0, u1, u2, …): the service is down; "
        "ada: the permission has ended; "
        "deferred accounts run at 2026-11-20 14:00 UTC"
    )
    failed = state_of(NightReport(outcomes[:9]))
    assert (failed.type, failed.name) == (StateType.FAILED, "Failed")


def test_a_failed_state_carries_its_report_in_an_error_that_prefect_can_raise() -> None:
    report = NightReport([PullOutcome("ada", problem="the permission has ended", exit_code=77)])
    state = state_of(report)
    with pytest.raises(RunFailed, match="the permission has ended") as failed:
        state.result()
    assert pickle.loads(pickle.dumps(failed.value)).report == report


def test_what_must_wait_is_distinguished_from_what_failed() -> None:
    waiting = PullOutcome("bo", problem="asked to wait", exit_code=75, retry_after_s=7200.0)
    report = NightReport([PullOutcome("ada", problem="broken", exit_code=1), waiting, PullOutcome("cy", new=1)])
    assert (report.deferred_accounts, report.accounts_wait_s, report.features_wait_s) == (["bo"], 7200.0, None)
    stopped = FetchReport(stopped=[StoppedSource("reccobeats", "asked to wait", 600.0), StoppedSource("x", "down")])
    assert NightReport(features=stopped).features_wait_s == 600.0


def test_a_quota_or_a_long_wait_says_try_again_later() -> None:
    outcomes = [PullOutcome("ada", new=1), PullOutcome("bo", problem="not asked", exit_code=75, retry_after_s=7200.0)]
    assert NightReport(outcomes).exit_code == 75
    waiting = FetchReport(stopped=[StoppedSource("reccobeats", "asked to wait", 600.0)])
    assert NightReport([PullOutcome("ada")], waiting).exit_code == 75


def test_no_feature_service_that_answers_says_try_again_later() -> None:
    down = FetchReport(stopped=[StoppedSource("reccobeats", "responded with 503")])
    report = NightReport([PullOutcome("ada", new=1)], features=down)
    assert report.exit_code == 75
    console = Console(file=StringIO(), width=200)
    print_report(report, [], console)
    assert "No feature service answered" in console.file.getvalue()  # type: ignore[attr-defined]
    assert report.without_features
    assert "so new tracks have no mood yet" in report.without_features
    down.found["catalog"] = 2_500
    assert "so the other new tracks have no mood yet" in report.without_features
    down.answered.add("spotify")
    assert report.exit_code == 0


def test_the_summary_says_what_the_resolvers_were_asked() -> None:
    names = ResolveReport(Counter(deezer=9, spotify=3), Counter(deezer=7), {"spotify": "used up"}, budget_left=0)
    shown = markdown(NightReport(names=names))
    assert "| deezer | 9 | 7 | 2 |  |" in shown
    assert "| spotify | 3 | 0 | 3 | used up |" in shown
    assert "search: 0." in shown
    assert report_json(NightReport(names=names))["names_found"] == {"deezer": 7}


def test_ten_thousand_accounts_stay_readable() -> None:
    waiting = [PullOutcome(f"person-{number:05}", problem="not asked: the quota is used up") for number in range(9_990)]
    single = [PullOutcome(f"other-{number}", problem=f"trouble {number}") for number in range(60)]
    fine = [PullOutcome("ada", new=3)]
    ended = [Permission(one.user_id, one.user_id, None) for one in waiting]
    report = NightReport([*fine, *waiting, *single], permissions=ended)
    shown = markdown(report)
    assert "- 9990 accounts (person-00000, person-00001, person-00002, …): not asked: the quota is used up" in shown
    assert "- and 11 more: `moodlog status` shows every account" in shown
    assert len(shown.splitlines()) < 120
    assert len(report.problems) == 10_050
    console = Console(file=StringIO(), width=200)
    account = Account("other-7", "Grace", "UTC", NOW, "active", None, NOW, NOW, None, None)
    print_report(report, [account], console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "These are 200 of 10051 accounts" in printed
    assert "Grace other-7 Spotify" in " ".join(printed.split())
    assert len(printed.splitlines()) < 220


def test_names_from_outside_are_text() -> None:
    report = NightReport([PullOutcome("a|b<script>", problem="x\ny")], permissions=[Permission("u", "<b>|", 3)])
    shown = markdown(report)
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert account_rows(report.outcomes, {})[0]["account"] == "a|b<script>"


def test_a_row_says_how_the_account_stands() -> None:
    state = AccountState("Ada", 12, labelled=7, unlabelled={"no features known": 2, "local file": 1}, open_gaps=3)
    (row,) = account_rows([PullOutcome("ada", new=5, gap=True)], {"ada": state})
    assert row == {
        "account": "ada",
        "name": "Ada",
        "new listens": 5,
        "labelled": 7,
        "unlabelled": "2 no features known, 1 local file",
        "open gaps": 3,
        "new gap": "possible",
        "deleted or edited": 0,
        "token days left": 12,
        "skipped": 0,
        "problem": "",
    }


def test_permissions_are_shown_from_thirty_days_before_their_end() -> None:
    accounts = [
        _account("ended", "needs_reauthorisation", NOW),
        _account("soon", "active", NOW - timedelta(days=160)),
        _account("later", "active", NOW),
        _account("paused", "paused", NOW - timedelta(days=179)),
    ]
    ending = ending_permissions(accounts, lambda authorised_at: 180 - (NOW - authorised_at).days)
    assert ending == [Permission("ended", "Ended", None), Permission("soon", "Soon", 20)]
    shown = markdown(NightReport(permissions=ending))
    assert "Soon ends in 20 days: `moodlog reconnect soon`" in shown
    assert "Ended has ended" in shown


def test_a_run_is_named_by_what_it_is_narrowed_to() -> None:
    assert described("nightly run", {"people": None, "dry_run": False}) == "nightly run"
    narrowed = {"people": ["ada", "bo", "cy", "di"], "first_day": NOW.date(), "dry_run": True}
    assert described("nightly run", narrowed) == "nightly run for ada, bo, cy and 1 more from 2026-11-20 (dry run)"
    assert described("pull listens", {"due_only": True}) == "pull listens of due accounts"
