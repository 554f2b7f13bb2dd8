"""Forgetting a person takes them out of the history of moodlog's own Prefect server, whether it runs or not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.check_schedule import other_server_keeps
from flows.late_forgetting import without_names_of_forgotten
from flows.server.local_server import LocalServer, local_server
from mood_core.app.workspace import Workspace
from mood_core.errors import InputError
from mood_core.text.words_of_a_person import FORGOTTEN
from tests.flows.deployed import MOODLOG, settings_of
from tests.flows.planted import everything_kept
from tests.flows.serving import rows

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

NAME, ID = "Zoë Quibble", "local-zoë-quibble"
LIKE = "zoe\u0308 QUIBBLE"
"""The same name in another spelling: without capitals and composed differently."""

OTHER = "Grace"
WORDS = ("zoë", "zo\\u00eb", "zo%C3%AB".lower(), "quibble")


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    with local_server(home / "prefect") as running:
        running.wait_until_ready()
        with settings_of(running):
            yield running


def _export(folder: Path) -> str:
    row = {"ms_played": 200_000, "master_metadata_track_name": "A Song", "master_metadata_album_artist_name": "Some"}
    played = [
        {**row, "spotify_track_uri": f"spotify:track:{number:022d}", "ts": f"2026-11-{10 + number}T05:05:05Z"}
        for number in range(9)
    ]
    path = folder / "endsong_0.json"
    path.write_text(json.dumps([*played, {"ts": "no time", "of": NAME}]), encoding="utf-8")
    return str(path)


def _that_names_them(home: Path) -> list[str]:
    found = ((name, data.lower()) for name, data in everything_kept(home))
    return sorted({name for name, data in found for word in WORDS if word.encode() in data})


def _live(tmp_path: Path) -> dict[str, str]:
    """Runs, artifacts, logs, events and a deployment that name them; returns ids of what must stay."""
    from prefect import flow, get_run_logger, task
    from prefect.client.orchestration import get_client
    from prefect.states import Scheduled

    from flows.import_history import import_history
    from flows.write_recap import write_recap

    import_history([_export(tmp_path)], NAME, timezone="Europe/Lisbon")
    import_history([_export(tmp_path)], OTHER, timezone="Europe/Lisbon")
    import_history([_export(tmp_path)], LIKE)
    write_recap([LIKE], datetime(2026, 11, 16, tzinfo=UTC).date())
    with pytest.raises(InputError, match=f"{NAME}2"):
        write_recap([f"{NAME}2"], datetime(2026, 11, 16, tzinfo=UTC).date())

    @task(task_run_name="for {who}")
    def greet(who: str) -> str:
        get_run_logger().info("hello %s (%s)", who, ID)
        return who

    @flow(name="everybody", persist_result=False)
    def everybody(people: list[str]) -> None:
        greet(NAME)
        get_run_logger().info("bye")

    everybody([OTHER])
    at = datetime.now(UTC) + timedelta(days=3)
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name("everybody")
        for name, parameters in (("plain", {}), ("named", {"people": [NAME]})):
            made = client.create_deployment(flow_id, name, parameters=parameters)
            for people in ([NAME], [NAME, OTHER], [OTHER]):
                client.create_flow_run_from_deployment(
                    made, parameters={"people": people}, state=Scheduled(scheduled_time=at), name=f"of {people[-1]}"
                )
    return {"deployment": str(made)}


def _parameters(server: LocalServer, query: str) -> list[Any]:
    return [json.loads(row[0]) for row in rows(Path(server.log).parent / "prefect.db", query)]


def _forget_during_a_run() -> dict[str, Any]:
    """Forget the person while a run is active that names them afterwards."""
    from prefect import flow, get_run_logger

    from flows.forget_person import forget_person

    @flow(name="long", persist_result=False)
    def long() -> list[dict[str, Any]]:
        with without_names_of_forgotten():
            report = forget_person(LIKE, really=True)
            get_run_logger().warning("late: account %s of %s", ID, NAME)
            get_run_logger().warning("late: of nobody")
        return [report]

    return long()[0]


def test_a_forgotten_person_is_in_no_file_of_the_server(
    server: LocalServer, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _live(tmp_path)
    monkeypatch.setenv("PREFECT_API_URL", server.api_url)
    assert other_server_keeps(home) is None
    server.log.write_bytes(server.log.read_bytes() + f"ERROR account {ID} of {NAME}\nERROR of nobody\n".encode())
    assert any("prefect.db" in name for name in _that_names_them(home))
    report = _forget_during_a_run()
    assert report["listens"] == 9
    assert report["runs"] > 10
    assert list(report["left"]) == [f"{home / 'prefect' / 'prefect.db'}: deployment {made['deployment']}"]

    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs():  # what is left can be shown
            assert run.state is not None
            client.read_flow_run_states(run.id)
        client.read_task_runs()
        client.delete_deployment(client.read_deployment_by_name("everybody/named").id)
    waiting = "SELECT parameters FROM flow_run WHERE state_type = 'SCHEDULED'"
    assert [sorted(one["people"]) for one in _parameters(server, waiting)] == [[OTHER]] * 2
    own = "SELECT parameters FROM flow_run WHERE name = 'forget a person'"
    assert _parameters(server, own) == [{"user": FORGOTTEN, "really": True}]
    assert b"ERROR of nobody" in server.log.read_bytes()
    said = [row[0] for row in rows(server.log.parent / "prefect.db", "SELECT message FROM log")]
    assert [message for message in said if message.startswith("late: ")] == ["late: of nobody"]
    _remove_what_is_written_late(home)


def _remove_what_is_written_late(home: Path) -> None:
    """Remove what the client of the test wrote since; a busy server stores its events later than it promises."""
    for _ in range(6):
        with Workspace() as workspace:
            again = workspace.personal_files.remove(ID, [NAME])
        assert again.left == ()
        if not (found := _that_names_them(home)):
            break
    assert found == []


def test_the_command_cleans_the_history_of_a_server_that_runs_no_more(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(home / "prefect"))
    with local_server(home / "prefect") as running:
        running.wait_until_ready()
        with settings_of(running):
            _live(tmp_path)
    command = [*MOODLOG, "forget", "--user", NAME, "--yes"]
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "change or delete it in Prefect's pages" in done.stderr
    assert [name for name in _that_names_them(home) if "prefect.db" not in name] == []
    left = rows(home / "prefect" / "prefect.db", "SELECT name FROM deployment ORDER BY name")
    assert left == [("named",), ("plain",)]
