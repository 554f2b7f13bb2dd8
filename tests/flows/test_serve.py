"""``moodlog serve`` unattended: its clock starts the runs, and it answers for itself."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import prefect
import pytest
from prefect.client.schemas.schedules import IntervalSchedule

from flows.server.auth import known_password
from standin import StandIn
from tests.flows.deployed import MOODLOG, run, until
from tests.flows.serving import NIGHTS, rows, serving
from tests.nights import connect_listeners, point_at, workspace_of

pytestmark = pytest.mark.prefect


@pytest.fixture
def connected(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with two connected listeners."""
    with StandIn(seed=5, listeners=2) as standin:
        point_at(standin, monkeypatch)
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        monkeypatch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "2")  # instead of a minute
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
        yield home


def test_a_schedule_starts_the_night_and_its_moods_are_in_sql(connected: Path) -> None:
    with serving(connected) as serve:
        refused = run(*MOODLOG, "serve", "--port", str(serve.port), ok=False)
        assert (refused.returncode, str(serve.process.pid) in refused.stderr) == (75, True), refused.stderr
        status, report = until(lambda: serve.health() if serve.health()[1].get("status") == "ok" else None)
        assert (status, report["scheduler"], report["problems"]) == (200, "ok", [])
        assert set(report["next_runs"]) == {
            "nightly",
            "pull",
            "write-report",
            "weekly-recap",
            "weekly-train-check",
            "compact",
        }

        link = until(lambda: re.search(r"http://127\.0\.0\.1:\d+/\?code=\S+", serve.said))
        assert httpx.get(link.group(), timeout=60).status_code == 200
        assert httpx.get(link.group(), timeout=60).status_code == 403
        shown = json.loads(run(*MOODLOG, "status", "--json").stdout)["schedule"]
        assert (shown["server"], shown["next_runs"], shown["problems"]) == ("moodlog serve", report["next_runs"], [])

        with serve.client() as client:
            nightly = client.read_deployment_by_name("run-nightly/nightly")
            # By its schedule, not by hand: due in some seconds from now on.
            often = IntervalSchedule(interval=timedelta(seconds=20))
            client.update_deployment_schedule(nightly.id, nightly.schedules[0].id, schedule=often)
        assert until(lambda: serve.rows(NIGHTS), 400) == [("Completed",)]
        moods = "SELECT count(*), count(mood) FROM mood_history"
        listens, labelled = rows(connected / "moodlog.db", moods)[0]
        assert listens >= labelled > 0
        assert serve.stop(signal.SIGINT) == 0, serve.said
        with pytest.raises(httpx.ConnectError):
            httpx.get(link.group(), timeout=60)
        assert "Traceback" not in serve.said
        assert (
            rows(connected / "prefect" / "prefect.db", "SELECT name FROM flow_run WHERE state_name = 'Running'") == []
        )
        shown = json.loads(run(*MOODLOG, "status", "--json").stdout)["schedule"]
        (problem,) = shown["problems"]
        assert "moodlog serve does not run" in problem
        assert json.loads((connected / "prefect" / "serve.lock").read_text())["pid"] == serve.process.pid


def test_prefects_pages_are_there_where_its_code_is_read_only(home: Path) -> None:
    """As in a container, and as a service of the system: Prefect unpacks its pages beside its code by default."""
    alone = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a folder cannot be made read-only for one process here")
    code = str(Path(prefect.__file__).parent)
    # Pages that another server has unpacked there are hidden.
    read_only = """for each in "$0"/server/ui*_build; do [ ! -d "$each" ] || mount -t tmpfs -o ro none "$each"; done
        mount --rbind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@" """
    with serving(home, moodlog=[*alone, "sh", "-c", read_only, code, *MOODLOG]) as serve:
        page = httpx.get(
            f"http://127.0.0.1:{serve.port}/",
            auth=httpx.BasicAuth(*str(known_password(home / "prefect")).split(":", 1)),
            follow_redirects=True,
            timeout=60,
        )
        assert (page.status_code, "<title>Prefect" in page.text) == (200, True), page.text
