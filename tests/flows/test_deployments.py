"""``prefect.yaml``: Prefect ignores keys it does not know, so what is written there is held against the flows."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

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
    assert all(properties[name].get("description") for name in known), "a form wants a description for each field"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_schedules_run_by_a_real_zone(entry: dict[str, Any]) -> None:
    for schedule in entry["schedules"]:
        ZoneInfo(schedule["timezone"])
        assert len(schedule["cron"].split()) == 5


def test_there_is_a_nightly_run_and_a_pull_every_two_hours() -> None:
    by_name = {deployment.name: deployment for deployment in read_deployments()}
    assert by_name["nightly"].entrypoint.endswith("run_nightly")
    assert by_name["pull"].schedules
    assert by_name["by-hand"].schedules == ()
    assert by_name["nightly"].concurrency_limit == 1


def test_a_file_that_is_no_prefect_file_is_named(tmp_path: Path) -> None:
    from mood_core.errors import ConfigError

    broken = tmp_path / "prefect.yaml"
    broken.write_text("deployments: 3", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prefect\.yaml"):
        read_deployments(broken)
