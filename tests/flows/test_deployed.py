"""``moodlog setup`` and ``prefect deploy --all`` on a real server: what it accepts, refuses, reports and releases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events import emit_event
from prefect.exceptions import PrefectHTTPStatusError
from prefect.states import Completed, Pending, Running, Scheduled
from prefect.testing.cli import invoke_and_assert

from flows.alerting.automations import dead_run_automation, set_up_automation
from flows.deployments import read_deployments
from flows.server.setup import free_slots
from tests.flows.deployed import MOODLOG, PREFECT, Listener, listening, prefect_server, run, until

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

NAMES = [deployment.name for deployment in read_deployments()]
WRONG = {"string": 7, "array": "one", "boolean": "perhaps", "integer": "many"}
"""A value that fits no field of a type."""

UNFIT: list[tuple[str, str, Any]] = [
    ("run-now", "first_day", "yesterday"),
    ("run-now", "last_day", "2026-13-01"),
    ("run-now", "people", [""]),
    ("weekly-recap", "notify", "no block"),
    ("weekly-train-check", "folds", 1),
    ("weekly-train-check", "data", "tracks.txt"),
    ("compact", "before", "June"),
    ("import-history", "paths", []),
    ("import-history", "min_ms", -1),
    ("import-history", "timezone", "Berlin, I think"),
    ("build-dataset", "playlists", ["Calm"]),
    ("build-dataset", "playlists", []),
    ("train", "name", "../elsewhere"),
    ("forget", "really", False),
    ("forget", "user", ""),
]
"""Values of the right type that a person could well send: deployment, field, value."""


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as heard:
        yield heard


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Path]:
    """A server that was set up, with everything deployed on it; the folder where its history lies."""
    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch, prefect_server(home):
        patch.setenv("MOODLOG_HOME", str(home / "moodlog"))
        assert "Setting up the Prefect server at 'http" in run(*MOODLOG, "setup").stderr
        run(*PREFECT, "deploy", "--all", "--no-prompt")
        run(*MOODLOG, "setup", "--webhook", listener.url)
        yield home


@pytest.fixture
def client(server: Path) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as opened:
        yield opened


def _deployment(client: SyncPrefectClient, name: str) -> DeploymentResponse:
    flow = next(entry.entrypoint for entry in read_deployments() if entry.name == name).rpartition(".")[2]
    return client.read_deployment_by_name(f"{flow.replace('_', '-')}/{name}")


def _create(client: SyncPrefectClient, name: str, parameters: dict[str, Any]) -> FlowRun:
    """What the form in Prefect's pages and the command line both send."""
    later: State[Any] = Scheduled(scheduled_time=datetime.now(UTC) + timedelta(days=1))
    return client.create_flow_run_from_deployment(_deployment(client, name).id, parameters=parameters, state=later)


def _examples(deployment: DeploymentResponse) -> dict[str, Any]:
    schema: Any = deployment.parameter_openapi_schema
    return {name: shown["examples"][0] for name, shown in schema["properties"].items() if shown.get("examples")}


def test_setting_up_again_changes_nothing(server: Path, client: SyncPrefectClient, listener: Listener) -> None:
    before = [automation.model_dump() for automation in client.read_automations()]
    again = json.loads(run(*MOODLOG, "setup", "--webhook", listener.url, "--json").stdout)
    assert again["work pool moodlog"] == "kept"
    assert again["variable moodlog_notify"] == "kept"
    after = [automation.model_dump() for automation in client.read_automations()]
    assert [(a["name"], a["trigger"], a["actions"]) for a in before] == [
        (a["name"], a["trigger"], a["actions"]) for a in after
    ]
    assert len(after) == 7
    limited = json.loads(run(*MOODLOG, "setup", "--pool-limit", "3", "--json").stdout)
    assert limited["work pool moodlog"].startswith("changed: at most 3")
    assert client.read_work_pool("moodlog").concurrency_limit == 3


def test_setup_names_an_unknown_block(server: Path) -> None:
    refused = run(*MOODLOG, "setup", "--notify", "slack-webhook/nobody", ok=False)
    assert refused.returncode == 78
    assert "slack-webhook/nobody" in refused.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_deployment_takes_its_examples(client: SyncPrefectClient, name: str) -> None:
    deployment = _deployment(client, name)
    made = _create(client, name, _examples(deployment))
    assert made.state is not None
    assert made.state.type is StateType.SCHEDULED
    assert deployment.schedules or not deployment.paused


@pytest.mark.parametrize("name", NAMES)
def test_each_field_of_each_deployment_is_refused_by_name_when_it_is_wrong(
    client: SyncPrefectClient, name: str
) -> None:
    deployment = _deployment(client, name)
    schema: Any = deployment.parameter_openapi_schema
    good = _examples(deployment)
    for wrong, shown in schema["properties"].items():
        with pytest.raises(PrefectHTTPStatusError) as refused:
            _create(client, name, {**good, wrong: WRONG[shown.get("type", "string")]})
        assert f"'{wrong}" in refused.value.response.text
    for required in schema.get("required", []):
        with pytest.raises(PrefectHTTPStatusError) as refused:
            _create(client, name, {field: value for field, value in good.items() if field != required})
        assert f"'{required}'" in refused.value.response.text


@pytest.mark.parametrize(("name", "wrong", "value"), UNFIT)
def test_what_does_not_fit_is_refused_before_a_run_is_made(
    client: SyncPrefectClient, name: str, wrong: str, value: Any
) -> None:
    deployment = _deployment(client, name)
    before = client.count_flow_runs()
    with pytest.raises(PrefectHTTPStatusError) as refused:
        _create(client, name, {**_examples(deployment), wrong: value})
    assert f"'{wrong}" in refused.value.response.text
    assert client.count_flow_runs() == before


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line_takes_and_refuses_the_same(client: SyncPrefectClient, name: str) -> None:
    deployment = _deployment(client, name)
    full = f"{client.read_flow(deployment.flow_id).name}/{name}"
    given = [part for key, value in _examples(deployment).items() for part in ("-p", f"{key}={json.dumps(value)}")]
    invoke_and_assert(["deployment", "run", full, "--start-in", "1 day", *given], expected_code=0)
    schema: Any = deployment.parameter_openapi_schema
    wrong, shown = next(iter(schema["properties"].items()))
    unfit = json.dumps(WRONG[shown.get("type", "string")])
    bad = [*given, "-p", f"{wrong}={unfit}"]
    unknown = [*given, "-p", "nonsense=1"]
    for arguments, named in ((bad, wrong), (unknown, "nonsense")):
        said = invoke_and_assert(["deployment", "run", full, "--start-in", "1 day", *arguments], expected_code=1)
        assert named in said.output


def test_a_slot_is_free_again_when_its_run_or_its_lease_has_ended(client: SyncPrefectClient, server: Path) -> None:
    first, second, third, fourth = (_create(client, "pull", {}) for _ in range(4))
    assert _begin(client, first) is StateType.PENDING
    assert _begin(client, second) is StateType.CANCELLED, "one pull runs, the next is left out"
    client.set_flow_run_state(first.id, Completed(), force=True)
    assert _begin(client, third) is StateType.PENDING
    _end_leases(server)  # as if its worker had died, some minutes later
    until(lambda: _active_slots(client, "pull") == 0 or None)
    assert _begin(client, fourth) is StateType.PENDING


def test_a_run_that_must_wait_is_tried_again_by_itself(client: SyncPrefectClient) -> None:
    first, second = (_create(client, "nightly", {}) for _ in range(2))
    assert _begin(client, first) is StateType.PENDING
    assert _begin(client, second) is StateType.SCHEDULED
    waiting = client.read_flow_run(second.id)
    assert waiting.state is not None
    assert waiting.state.name == "AwaitingConcurrencySlot"
    assert waiting.next_scheduled_start_time is not None
    assert waiting.next_scheduled_start_time < datetime.now(UTC) + timedelta(minutes=2)
    client.set_flow_run_state(first.id, Completed(), force=True)
    assert _begin(client, second) is StateType.PENDING
    client.set_flow_run_state(second.id, Completed(), force=True)


def test_slots_that_no_run_holds_are_freed(client: SyncPrefectClient) -> None:
    from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

    limit = _deployment(client, "rebuild").global_concurrency_limit
    assert limit is not None
    client.update_global_concurrency_limit(limit.name, GlobalConcurrencyLimitUpdate(active_slots=1))
    held = _create(client, "forget", {"user": "ada", "really": True})
    assert _begin(client, held) is StateType.PENDING
    freed = [done.what for done in free_slots(client)]
    assert freed == ["slots of rebuild"], "a run that is under way keeps its slot"
    client.set_flow_run_state(held.id, Completed(), force=True)


def _begin(client: SyncPrefectClient, flow_run: FlowRun) -> StateType:
    """What a worker does first."""
    client.set_flow_run_state(flow_run.id, Pending())
    state = client.read_flow_run(flow_run.id).state
    assert state is not None
    return state.type


def _active_slots(client: SyncPrefectClient, name: str) -> int:
    limit = _deployment(client, name).global_concurrency_limit
    assert limit is not None
    return limit.active_slots


def _end_leases(home: Path) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    folder = home / "concurrency_leases"
    for file in folder.glob("*.json"):
        content = json.loads(file.read_text(encoding="utf-8"))
        changed = dict.fromkeys(content, past) if file.name == "expirations.json" else {**content, "expiration": past}
        file.write_text(json.dumps(changed), encoding="utf-8")


def test_a_run_without_a_heartbeat_is_marked_as_crashed(client: SyncPrefectClient) -> None:
    automation = dead_run_automation()
    quick = automation.trigger.model_copy(update={"within": timedelta(seconds=10)})
    set_up_automation(client, automation.model_copy(update={"name": "died, soon", "trigger": quick}))
    dead = _create(client, "label", {})
    client.set_flow_run_state(dead.id, Running(), force=True)
    emit_event(
        event="prefect.flow-run.heartbeat",
        resource={"prefect.resource.id": f"prefect.flow-run.{dead.id}", "prefect.resource.name": dead.name},
        related=[{"prefect.resource.id": "prefect.tag.moodlog", "prefect.resource.role": "tag"}],
    )
    until(lambda: _state(client, dead) is StateType.CRASHED or None)


def _state(client: SyncPrefectClient, flow_run: FlowRun) -> StateType | None:
    state = client.read_flow_run(flow_run.id).state
    return None if state is None else state.type
