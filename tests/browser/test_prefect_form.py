"""Prefect's own form for each deployment, in a real browser: what is wrong is named, the rest is taken."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from flows.deployments import read_deployments
from tests.flows.deployed import prefect_server, until

pytestmark = [pytest.mark.slow, pytest.mark.prefect]
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

NAMES = [deployment.name for deployment in read_deployments()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server with every deployment, as ``moodlog serve`` makes them."""
    if _CHROMIUM is None:
        pytest.skip("no browser is installed: apt-get install chromium")
    from flows.commands.serve import served

    with prefect_server(tmp_path_factory.mktemp("prefect")) as api_url:
        for deployment in read_deployments():
            served(deployment, None).apply()
        yield api_url.removesuffix("/api")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(server: str, browser: Any) -> Iterator[Any]:
    """A page that reaches this machine and nothing else."""
    context = browser.new_context(viewport={"width": 1280, "height": 1600})
    password = os.environ["PREFECT_API_AUTH_STRING"]
    context.add_init_script(f"localStorage.setItem('prefect-password', btoa('{password}'))")  # as the login does
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(server) else route.abort())
    yield context.new_page()
    context.close()


def _runs(deployment_id: Any) -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    with get_client(sync_client=True) as client:
        chosen = DeploymentFilter(id=DeploymentFilterId(any_=[deployment_id]))
        runs = client.read_flow_runs(deployment_filter=chosen)
    return [run for run in runs if not run.auto_scheduled]


def _deployment(name: str) -> Any:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    with get_client(sync_client=True) as client:
        return client.read_deployments(deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[name])))[0]


def _field(page: Any, name: str) -> Any:
    label = page.locator("label", has_text=re.compile(rf"^{name}( \(Optional\))?$"))
    return page.locator("div.p-label").filter(has=label).last


def _fill(page: Any, name: str, shown: dict[str, Any]) -> None:
    field, example = _field(page, name), shown["examples"][0]
    if shown["type"] == "array":
        for position, value in enumerate(example):
            field.get_by_role("button", name="Add item").click()
            field.locator("textarea").nth(position).fill(value)
    elif shown["type"] == "boolean":
        field.get_by_role("switch").click()
    else:
        field.locator("textarea").fill(example)


def _wait_for_fields(page: Any, schema: Any) -> None:
    """Until each field shows its description; a form is drawn bit by bit."""
    for field, shown in schema["properties"].items():
        sync_api.expect(_field(page, field)).to_contain_text(shown["description"][:20], timeout=60_000)


def _submit(page: Any, button: Any) -> None:
    """Press the button, and again where the server's SQLite is busy: Prefect answers 503 then and makes no run."""
    for _ in range(10):
        with page.expect_response(re.compile("/create_flow_run$")) as answer:
            button.click()
        if answer.value.status != 503:
            break
    assert answer.value.status == 201
    page.wait_for_url(re.compile("tab=Runs|/runs/"))


@pytest.mark.parametrize("name", NAMES)
def test_the_form_names_what_is_missing_and_takes_the_rest(page: Any, server: str, name: str) -> None:
    deployment = _deployment(name)
    schema: Any = deployment.parameter_openapi_schema
    page.goto(f"{server}/deployments/deployment/{deployment.id}/run")
    submit = page.get_by_role("button", name="Submit")
    submit.wait_for()
    _wait_for_fields(page, schema)

    required = schema.get("required", [])
    if required:
        submit.click()
        for field in required:
            _field(page, field).get_by_text(re.compile("required property|is not one of")).wait_for()
        assert _runs(deployment.id) == [], "nothing runs"
        for field in required:
            _fill(page, field, schema["properties"][field])
    _submit(page, submit)
    made = until(lambda: _runs(deployment.id))
    assert {field: made[0].parameters[field] for field in required} == {
        field: schema["properties"][field]["examples"][0] for field in required
    }


def test_a_value_that_does_not_fit_is_refused_by_its_fields_name(page: Any, server: str) -> None:
    deployment = _deployment("weekly-train-check")
    page.goto(f"{server}/deployments/deployment/{deployment.id}/run")
    _wait_for_fields(page, deployment.parameter_openapi_schema)
    before = len(_runs(deployment.id))
    _field(page, "folds").locator("input").fill("1")
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Validation failed for field 'folds'").first.wait_for()
    assert len(_runs(deployment.id)) == before
