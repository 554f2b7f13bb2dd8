"""The manifests in docs/deploy/kubernetes: valid, restricted, without secrets, and with settings that exist."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from mood_core.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
_FOLDER = _ROOT / "docs" / "deploy" / "kubernetes"
_KUSTOMIZATION = yaml.safe_load((_FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
_PAGE = (_ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
_TEMPLATE = json.loads((_FOLDER / "jobs" / "base-job-template.json").read_text(encoding="utf-8"))
_KUBERNETES = ("1.31", "1.34")


def _manifests() -> Iterator[dict[str, Any]]:
    for path in sorted([*_FOLDER.glob("*.yaml"), *_FOLDER.glob("jobs/*.yaml")]):
        if path.name != "kustomization.yaml":
            yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))
    yield _job()


def _job() -> dict[str, Any]:
    """The Job of a flow run: the template with the defaults of its variables, and what Prefect fills in."""
    given: dict[str, Any] = {
        "name": "run",
        "command": ["prefect", "flow-run", "execute"],
        "env": [{"name": "A", "value": "b"}],
    }
    given |= {"labels": {"a": "b"}, "annotations": {"a": "b"}}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            both = {key: filled(part) for key, part in value.items()}
            return {key: part for key, part in both.items() if part is not None}
        if isinstance(value, list):
            return [filled(part) for part in value]
        if isinstance(value, str) and (name := re.fullmatch(r"\{\{ (\w+) \}\}", value)):
            return given.get(name[1], _TEMPLATE["variables"]["properties"][name[1]].get("default"))
        return value.replace("{{ name }}", "run") if isinstance(value, str) else value

    job: dict[str, Any] = filled(_TEMPLATE["job_configuration"]["job_manifest"])
    return job


_MANIFESTS = list(_manifests())


def _pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for manifest in _MANIFESTS:
        template = manifest.get("spec", {}).get("template")
        if template:
            yield manifest["metadata"].get("name", "run"), template


def _containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, template in _pods():
        for container in template["spec"]["containers"]:
            yield f"{name}/{container['name']}", container


@pytest.mark.parametrize("version", _KUBERNETES)
def test_the_manifests_fit_the_schemas_of_kubernetes(version: str) -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for manifest in _MANIFESTS:
        validator.validate(manifest, version, strict=True)


def test_every_file_is_applied() -> None:
    there = {path.name for path in _FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(_KUSTOMIZATION["resources"]) == there
    version = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    (image,) = _KUSTOMIZATION["images"]
    assert (image["name"], image["newTag"]) == ("moodlog", version)
    assert _TEMPLATE["variables"]["properties"]["image"]["default"] == f"{image['newName']}:{version}"


def test_pods_fit_the_restricted_pod_security_standard() -> None:
    for name, template in _pods():
        security = template["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
    for name, container in _containers():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert {"cpu", "memory"} == set(container["resources"]["requests"]), name
        assert "memory" in container["resources"]["limits"], name


def test_settings_exist_and_secrets_come_by_reference() -> None:
    known = {f"MOODLOG_{name.upper()}" for name in Settings.model_fields}
    plain = {key for manifest in _MANIFESTS if manifest["kind"] == "ConfigMap" for key in manifest["data"]}
    plain |= {one["name"] for _, container in _containers() for one in container.get("env", []) if "value" in one}
    assert {name for name in plain if name.startswith("MOODLOG_")} <= known
    assert not [name for name in plain if re.search("PASSWORD|KEY|SECRET|DATABASE", name)]
    assert [one["kind"] for one in _MANIFESTS if one["kind"] == "Secret"] == []
    secret = set(re.findall(r"^        ([A-Z_]+)=", _PAGE, re.MULTILINE))
    assert {name for name in secret if name.startswith("MOODLOG_")} <= known
    referred = {
        one["valueFrom"]["secretKeyRef"]["key"]
        for _, container in _containers()
        for one in container.get("env", [])
        if "valueFrom" in one
    }
    assert referred <= secret


def test_references_lead_somewhere() -> None:
    made = {(one["kind"], one["metadata"].get("name")) for one in _MANIFESTS}
    labels = [template["metadata"]["labels"] for _, template in _pods()]
    for manifest in _MANIFESTS:
        selector = manifest.get("spec", {}).get("selector", {})
        wanted = selector.get("matchLabels", selector)
        assert not wanted or any(wanted.items() <= each.items() for each in labels), manifest["metadata"]
    for name, template in _pods():
        volumes = {one["name"]: one for one in template["spec"]["volumes"]}
        for container in template["spec"]["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= set(volumes), name
        for volume in volumes.values():
            assert "persistentVolumeClaim" not in volume or (
                ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in made
            )
    folders = re.findall(r"docs/[\w./-]+\w", _PAGE)
    assert [name for name in folders if not (_ROOT / name).exists()] == []


def test_the_server_has_the_settings_of_the_cluster_in_compose() -> None:
    compose = yaml.safe_load((_FOLDER.parent / "compose.cluster.yaml").read_text(encoding="utf-8"))
    server = dict(_containers())["prefect/server"]
    mine = {one["name"]: one.get("value") for one in server["env"]}
    theirs = compose["services"]["server"]["environment"]
    assert set(mine) == set(theirs)
    assert {name: value for name, value in mine.items() if value} == {
        name: value for name, value in theirs.items() if mine[name]
    }


def test_the_template_of_jobs_uses_its_variables() -> None:
    variables = _TEMPLATE["variables"]
    jsonschema.Draft202012Validator.check_schema(variables)
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(_TEMPLATE["job_configuration"])))
    assert used == set(variables["properties"])


@pytest.mark.parametrize("name", ["compose.yaml", "compose.cluster.yaml"])
def test_the_compose_files_fit_the_specification(name: str) -> None:
    bundled = pytest.importorskip("check_jsonschema.builtin_schemas", reason="check-jsonschema is not installed")
    schema = bundled.get_builtin_schema("vendor.compose-spec")
    file = yaml.safe_load((_FOLDER.parent / name).read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(schema).validate(file)
