"""What docs/deploy holds, linted by the tools that read it, where they are installed."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from mood_core.settings import Settings
from tests.flows.cluster import s3_running

DEPLOY = Path(__file__).resolve().parents[2] / "docs" / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))


def test_the_dockerfile_is_linted() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint comes only for Linux on x86-64")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_container_is_small_and_runs_as_nobody_special() -> None:
    stages = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")
    assert len(stages) == 3, "what builds stays behind in a stage of its own"
    assert "\nUSER 10001:10001\n" in stages[-1]
    assert "--no-dev" in stages[1]
    assert "uv sync" not in stages[-1]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_are_sound(unit: Path, tmp_path: Path) -> None:
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("there is no systemd here")
    # The programs are looked for where they are installed: here, in this environment.
    text = unit.read_text(encoding="utf-8")
    for folder in ("/opt/moodlog/.venv/bin", "%h/.local/bin"):
        text = text.replace(folder, str(Path(sys.executable).parent))
    (tmp_path / unit.name).write_text(text, encoding="utf-8")
    manager = "--user" if ".user." in unit.name else "--system"
    done = subprocess.run(
        [analyse, manager, "verify", tmp_path / unit.name],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # It also names units of this machine, for example one whose socket would be in too long a path.
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


def test_the_plist_restarts_after_a_failure_only() -> None:
    job = plistlib.loads((DEPLOY / "org.moodlog.serve.plist").read_bytes())
    assert job["ProgramArguments"][1:] == ["serve"]
    assert (job["RunAtLoad"], job["KeepAlive"]) == (True, {"SuccessfulExit": False})


def _services(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["services"])


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_compose_file_names_only_what_exists(path: Path) -> None:
    file = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings = {f"MOODLOG_{name.upper()}" for name in Settings.model_fields}
    for service in file["services"].values():
        assert set(service.get("depends_on", ())) <= set(file["services"])
        assert {volume.split(":")[0] for volume in service.get("volumes", ())} <= set(file.get("volumes", ()))
        assert {name for name in service.get("environment", ()) if name.startswith("MOODLOG_")} <= settings
        if "build" in service:
            assert (path.parent / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_compose_file_holds_no_password_and_opens_nothing_to_the_network(path: Path) -> None:
    for name, service in _services(path).items():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or value.startswith("${"), (name, key)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_the_server_of_the_cluster_has_the_settings_that_the_docs_ask_for() -> None:
    page = (DEPLOY.parent / "scheduling.md").read_text(encoding="utf-8")
    asked = dict(re.findall(r"export (PREFECT_SERVER_\w+)=(\S+)", page))
    asked.pop("PREFECT_SERVER_API_AUTH_STRING", None)
    server = _services(DEPLOY / "compose.cluster.yaml")["server"]["environment"]
    assert len(asked) == 5
    assert asked.items() <= server.items()


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_docker_compose_reads_a_compose_file(path: Path) -> None:
    command = next((each for each in (["docker", "compose"], ["docker-compose"]) if _is_new_compose(each)), None)
    if command is None:
        pytest.skip("docker compose 2.24 or newer is not installed")
    words = ("POSTGRES_PASSWORD", "S3_PASSWORD", "MOODLOG_TOKEN_KEY")
    done = subprocess.run(
        [*command, "--file", path, "config", "--format", "json"],
        env=os.environ | dict.fromkeys(words, "word"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == set(_services(path))


def _is_new_compose(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
    version = re.match(r"v?(\d+)\.(\d+)", done.stdout)
    return version is not None and (int(version[1]), int(version[2])) >= (2, 24)


def test_the_image_works_in_its_volume_and_setups_find_the_deployments() -> None:
    """Commands write files where they are called, and everything else in the container is read-only to its user."""
    image = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").split("\nFROM ")[-1]
    directories = re.findall(r"^(?:WORKDIR|VOLUME) (.+)$", image, re.MULTILINE)
    assert directories == ["/data", "/data"]
    assert "\nCOPY prefect.yaml /app/\n" in image
    for setup in ("compose.cluster.yaml", "kubernetes/setup.yaml"):
        assert "deploy --all --prefect-file /app/prefect.yaml" in (DEPLOY / setup).read_text(encoding="utf-8")


def test_the_setup_of_the_cluster_makes_its_bucket() -> None:
    (command,) = _services(DEPLOY / "compose.cluster.yaml")["setup"]["command"]
    words = shlex.split(command)
    with s3_running() as store:
        subprocess.run([sys.executable, *words[1 : words.index("&&")]], env=os.environ | store, check=True, timeout=120)
        with urlopen(f"{store['AWS_ENDPOINT_URL']}/moodlog", timeout=10) as listed:  # noqa: S310 - on loopback
            assert listed.status == 200
