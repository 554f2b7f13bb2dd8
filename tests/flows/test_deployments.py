"""``prefect.yaml``: Prefect ignores keys it does not know, so what is written there is held against the flows."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.client.schemas.objects import ConcurrencyLimitStrategy

from flows.deployments import deployments_file, read_deployments

FILE = yaml.safe_load(deployments_file().read_text(encoding="utf-8"))
ENTRIES: list[dict[str, Any]] = FILE["deployments"]

_TOP = {"name", "prefect-version", "build", "push", "pull", "definitions", "deployments"}
_ENTRY = {"name", "entrypoint", "description", "tags", "work_pool", "concurrency_limit", "schedules", "parameters"}
_SCHEDULE = {"slug", "cron", "timezone"}


def _flow(entry: dict[str, Any]) -> Any:
    module, _, name = entry["entrypoint"].rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_every_key_is_one_that_prefect_knows() -> None:
    assert set(FILE) <= _TOP
    for entry in ENTRIES:
        assert set(entry) <= _ENTRY, entry["name"]
        assert all(set(schedule) == _SCHEDULE for schedule in entry["schedules"]), entry["name"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_entrypoints_are_flows_and_parameters_are_theirs(entry: dict[str, Any]) -> None:
    flow = _flow(entry)
    known = inspect.signature(flow.fn).parameters
    assert set(entry.get("parameters") or {}) <= set(known)
    assert all(
        parameter.default is not inspect.Parameter.empty or name in (entry.get("parameters") or {})
        for name, parameter in known.items()
        if entry["schedules"]
    ), "a scheduled run has nobody to ask"
    properties = flow.parameters.properties
    for name in known:
        shown = properties[name]
        assert shown.get("description"), f"{name}: a form wants a description for each field"
        kind = shown.get("type") or [choice.get("format", choice["type"]) for choice in shown["anyOf"]]
        assert isinstance(kind, str) or kind == ["date", "null"], f"{name}: a choice of types makes a riddle of a form"
        assert kind != "object", f"{name}: -p would replace a nested value as a whole"
        assert kind == "boolean" or shown.get("examples"), f"{name}: an example says more than a type"
        assert kind == ["date", "null"] or shown.get("default", "") is not None, f"{name}: the form refuses a null"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_an_example_is_one_that_the_server_takes(entry: dict[str, Any]) -> None:
    from prefect.utilities.schema_tools import validate

    schema = _flow(entry).parameters.model_dump_for_openapi()
    examples = {name: shown["examples"][0] for name, shown in schema["properties"].items() if shown.get("examples")}
    assert validate(examples, schema, preprocess=True, allow_none_with_default=True) == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_no_limit_can_hold_up_the_runs_after_it(entry: dict[str, Any]) -> None:
    limit = entry.get("concurrency_limit")
    if limit is not None:
        assert set(limit) == {"limit", "collision_strategy"}
        assert limit["collision_strategy"] in {strategy.value for strategy in ConcurrencyLimitStrategy}
    if entry["schedules"]:
        assert limit is not None, "two of one schedule would do the same work"
        assert _flow(entry).timeout_seconds, "a run that hangs must end before it holds up the next"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_schedules_run_by_a_real_zone(entry: dict[str, Any]) -> None:
    for schedule in entry["schedules"]:
        ZoneInfo(schedule["timezone"])
        assert len(schedule["cron"].split()) == 5


def test_the_schedules_are_those_of_the_documentation() -> None:
    by_name = {deployment.name: deployment for deployment in read_deployments()}
    when = {name: entry.schedules[0]["cron"] for name, entry in by_name.items() if entry.schedules}
    assert when == {
        "nightly": "30 4 * * *",
        "pull": "15,45 * * * *",
        "write-report": "30 6 * * *",
        "weekly-recap": "0 7 * * 1",
        "weekly-train-check": "0 6 * * 0",
        "compact": "0 5 2 * *",
    }
    assert by_name["nightly"].concurrency_limit == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert by_name["pull"].concurrency_limit == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


def test_a_file_that_is_no_prefect_file_is_named(tmp_path: Path) -> None:
    from mood_core.errors import ConfigError

    broken = tmp_path / "prefect.yaml"
    broken.write_text("deployments: 3", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prefect\.yaml"):
        read_deployments(broken)
