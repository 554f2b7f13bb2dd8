"""The API beside the live pages: answers as its description says, metrics and pictures for dashboards."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from mood_core.app.workspace import Workspace
from mood_core.report.read_recap import read_recap
from mood_core.web.periods import parse_period
from tests.report_history import NOW, PERSON, labelled_workspace
from tests.served_pages import ServedPages


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with labelled_workspace(tmp_path_factory.mktemp("pages"), 400) as space:
        yield space


def test_the_api_is_as_described(pages: ServedPages) -> None:
    described = pages.client.get("/api/openapi.json").json()
    values = {"{person}": "ada", "{day}": "2026-11-20", "{period}": "2026", "{track_id}": "0" * 22}
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    query = {"from": "2026-11-01", "to": "2026-11-30", "q": "band"}
    for path, methods in described["paths"].items():
        assert set(methods) == ({"get", "post"} if "/tracks/" in path else {"get"})
        assert all(method["security"] for method in methods.values())
        assert all({"400", "403", "404", "405", "503"} <= set(method["responses"]) for method in methods.values())
        filled = path
        for name, value in values.items():
            filled = filled.replace(name, value)
        answer = pages.client.get(f"/api{filled}", params=query)
        assert answer.status_code == 200, path
        schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": described["components"]}).validate(answer.json())


def test_the_api_describes_periods_and_coverage(space: Workspace, pages: ServedPages) -> None:
    schemas = pages.client.get("/api/openapi.json").json()["components"]["schemas"]
    for path, name in (("periods/2026", "PeriodInfo"), ("periods/2026-11", "PeriodInfo"), ("coverage", "CoverageInfo")):
        sent = pages.client.get(f"/api/people/ada/{path}").json()
        assert set(sent) <= set(schemas[name]["properties"]), path
    account, period = space.accounts.all(["ada"])[0], parse_period("2026")
    assert period is not None
    recap = read_recap(space.database, account, period, NOW).as_json()
    sent = pages.client.get("/api/people/ada/periods/2026").json()
    assert {name: sent[name] for name in recap} == json.loads(json.dumps(recap))


def test_errors_of_the_api_are_json(pages: ServedPages) -> None:
    for path, status in (("/bob", 404), ("/ada/days/x", 404), ("/ada/days", 422)):
        answer = pages.client.get(f"/api/people{path}")
        assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert pages.client.get("/api/x").json()["detail"]
    assert pages.client.delete("/api/people").json()["detail"]
    with pages.stranger() as client:
        for path in ("/api/people", "/api/x", "/api"):
            assert "web-token" in client.get(path).json()["detail"]


def test_metrics_are_prometheus_text(space: Workspace, pages: ServedPages) -> None:
    families = {one.name: one for one in text_string_to_metric_families(pages.client.get("/metrics").text)}
    (listens,) = families["moodlog_listens"].samples
    assert (listens.labels, listens.value) == ({"user": "ada"}, 400)
    assert families["moodlog_open_gaps"].samples[0].value == 1
    assert families["moodlog_newest_listen_seconds"].samples[0].value == NOW.timestamp()


@pytest.mark.parametrize("kind", ["day", "week"])
def test_pictures_for_dashboards(pages: ServedPages, kind: str) -> None:
    path = f"{PERSON}/{kind}"
    svg = pages.client.get(f"{path}.svg?look=dark")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "&lt;img src=x" in svg.text
    png = pages.client.get(f"{path}.png")
    assert png.content.startswith(b"\x89PNG")
    assert png.headers["content-type"] == "image/png"
