"""Alerts on a real server: each is sent when it should be, through a real webhook, also right after a restart."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import AutomationCore, EventTrigger
from prefect.states import Completed, Failed, Late, Pending, Running, Scheduled

from flows.alerting.alerts import NIGHTLY, PULL, alerts, nightly_late, no_pull_starts
from flows.alerting.automations import set_up_automation
from flows.alerting.events import SCHEDULE_BROKEN, report_ended_permissions, report_schedule, report_silences
from flows.commands.serve import served
from flows.deployments import Deployment, read_deployments
from flows.server.local_server import LocalServer
from flows.server.setup import Change
from mood_core.usecases.nightly.ending_permissions import Permission
from mood_core.usecases.nightly.find_silent_accounts import Kind, Silence
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_listens import PullOutcome
from tests.flows.deployed import (
    MOODLOG,
    Listener,
    listening,
    prefect_server,
    prefect_server_process,
    run,
    settings_of,
    until,
)

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

NAMED = {deployment.name: deployment for deployment in read_deployments()}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA = Silence("u3", "Ada", Kind.NO_LISTENS, NOW - timedelta(days=4))


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as heard:
        yield heard


def _deploy() -> dict[str, UUID]:
    return {name: _applied(NAMED[name]) for name in ("nightly", "pull")}


def _applied(deployment: Deployment) -> UUID:
    id_ = served(deployment, None).apply()
    assert isinstance(id_, UUID)
    return id_


def _set_up(url: str) -> dict[str, str]:
    done: dict[str, str] = json.loads(run(*MOODLOG, "setup", "--webhook", url, "--json").stdout)
    return done


def _run_of(client: SyncPrefectClient, id_: UUID, *states: State[Any]) -> FlowRun:
    later: State[Any] = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1))
    made = client.create_flow_run_from_deployment(id_, state=later)
    for state in states:
        client.set_flow_run_state(made.id, state, force=True)
    return made


def test_each_alert_is_sent_also_right_after_a_restart(tmp_path: Path, listener: Listener) -> None:
    home = tmp_path / "prefect"
    with prefect_server(home) as api_url, get_client(sync_client=True) as client:
        before = _set_up(listener.url)
        assert "no such deployment" in before[f"alerts of {NIGHTLY}"]
        assert "prefect deploy --all" in before[f"alerts of {PULL}"]
        deployed = _deploy()
        assert _set_up(listener.url)["automation moodlog: nightly failed"] == "created"
        assert _bound_to(client, "moodlog: nightly failed") == f"prefect.deployment.{deployed['nightly']}"
        _fail_a_deployment_of_the_same_name(client)
        with_action = next(one for one in client.read_automations() if one.name == "moodlog: nightly late")
        quick = timedelta(seconds=20)
        for name, trigger in (
            ("night, soon", nightly_late(deployed["nightly"], quick)),
            ("pull, soon", no_pull_starts(deployed["pull"], quick)),
        ):
            action = with_action.actions[0].model_copy(update={"subject": name, "body": "is reported"})
            set_up_automation(client, AutomationCore(name=name, trigger=trigger, actions=[action]))
        _run_of(client, deployed["nightly"], Late(scheduled_time=datetime.now(UTC)))
        night = _run_of(client, deployed["nightly"], Pending(), Running())
    # An event of a time without a server waits for the next one.
    sending = _in_a_thread(
        lambda: report_schedule(SCHEDULE_BROKEN, "laptop", "the scheduler logs errors"), LocalServer(home, api_url)
    )
    port = urlsplit(api_url).port
    with prefect_server(home, port=port) as again, get_client(sync_client=True) as client:
        assert again == api_url
        client.set_flow_run_state(night.id, Failed(message="every account failed"), force=True)
        report_ended_permissions(NightReport([_ended("u1")], permissions=[Permission("u1", "Bo", None)]))
        report_silences([ADA])
        sending.join(120)
        reported = listener.wait_for("nightly failed")
        assert "every account failed" in reported
        assert "/runs/flow-run/" in reported
        assert "permission for Bo has ended: moodlog reconnect u1" in listener.wait_for("re-authorisation")
        assert "Ada listened regularly" in listener.wait_for("is silent")
        assert "laptop starts no runs: the scheduler logs errors" in listener.wait_for("schedule is broken")
        listener.wait_for("night, soon")
        listener.wait_for("pull, soon")
        report_silences([ADA])  # the night after
        report_silences([replace(ADA, user_id="u4", display_name="Cy")])
        listener.wait_for("Cy listened regularly")
        assert sum("Ada listened" in text for text in listener.texts) == 1
    assert not any("not moodlog's" in text for text in listener.texts)
    assert sum("nightly failed" in text for text in listener.texts) == 1


def _in_a_thread(work: Callable[[], None], server: LocalServer) -> Thread:
    def sent() -> None:
        with settings_of(server):
            work()

    thread = Thread(target=sent)
    thread.start()
    return thread


def _ended(user_id: str) -> PullOutcome:
    return PullOutcome(user_id, problem="the permission has ended", exit_code=77)


def _bound_to(client: SyncPrefectClient, name: str) -> str:
    (found,) = (one for one in client.read_automations() if one.name == name)
    assert isinstance(found.trigger, EventTrigger)
    related: Any = found.trigger.match_related
    return str(related.model_dump()["prefect.resource.id"])


def _fail_a_deployment_of_the_same_name(client: SyncPrefectClient) -> None:
    flow_id = client.create_flow_from_name("another-flow")
    other = client.create_deployment(flow_id=flow_id, name="nightly", tags=["moodlog"])
    _run_of(client, other, Failed(message="not moodlog's"))


def test_alerts_follow_the_deployments(tmp_path: Path, listener: Listener) -> None:
    with prefect_server(tmp_path / "prefect"), get_client(sync_client=True) as client:
        deployed = _deploy()
        _set_up(listener.url)
        client.delete_deployment(deployed["nightly"])
        again = _deploy()["nightly"]
        assert again != deployed["nightly"]
        assert _set_up(listener.url)["automation moodlog: nightly failed"] == "updated"
        assert _bound_to(client, "moodlog: nightly failed") == f"prefect.deployment.{again}"
        _no_alert_is_sent_for_a_degraded_night(client, again, listener)
        for cron in ("*/30 * * * *", "0 3,15 * * *", "@daily"):
            _applied(replace(NAMED["nightly"], schedules=({"cron": cron, "timezone": "UTC", "slug": "n"},)))
            made = list(alerts(client, uuid4(), time(8), NOW))
            assert len([one for one in made if not isinstance(one, Change)]) == 6
        client.pause_deployment(again)
        paused = next(one for one in alerts(client, uuid4(), time(8), NOW) if isinstance(one, Change))
        assert "resume it" in paused.outcome
        _assert_the_address_is_a_secret(client, listener.url)


def _no_alert_is_sent_for_a_degraded_night(client: SyncPrefectClient, id_: UUID, listener: Listener) -> None:
    """A clock beside it reports when the time and half of it again are over, whatever has happened meanwhile."""
    late = next(one for one in client.read_automations() if one.name == "moodlog: nightly late")
    set_up_automation(
        client,
        AutomationCore(name="late, soon", trigger=nightly_late(id_, timedelta(seconds=10)), actions=late.actions),
    )
    over = nightly_late(id_, timedelta(seconds=15)).model_copy(update={"expect": {"moodlog.never"}})
    clock = [late.actions[0].model_copy(update={"subject": "clock", "body": "the time is over"})]
    set_up_automation(client, AutomationCore(name="clock", trigger=over, actions=clock))
    _run_of(client, id_, Pending(), Completed(name="Degraded"))
    listener.wait_for("the time is over")
    assert not any("nightly late" in text for text in listener.texts), "a degraded night is done"


def _assert_the_address_is_a_secret(client: SyncPrefectClient, url: str) -> None:
    block = client.read_block_document_by_name("moodlog", "custom-webhook", include_secrets=False)
    assert url not in block.model_dump_json()
    refused = run(*MOODLOG, "setup", "--webhook", "http://hooks.example.org/secret-path", ok=False)
    assert refused.returncode == 2
    assert "https" in refused.stderr
    assert "secret-path" not in refused.stdout + refused.stderr


def test_the_address_of_a_webhook_that_fails_is_not_in_the_servers_log(tmp_path: Path) -> None:
    home = tmp_path / "prefect"
    with listening(status=404) as refusing, prefect_server_process(home) as server:
        _set_up(f"{refusing.url}/PLANTEDPATH?key=PLANTEDKEY")
        report_schedule(SCHEDULE_BROKEN, "here", "why")
        refusing.wait_for("starts no runs")
        until(lambda: "404 Not Found" in server.log.read_text() or None)
        kept = [file for file in home.rglob("*") if file.is_file() and b"PLANTED" in file.read_bytes()]
        assert kept == [], server.log.read_text()
