"""What a night and a week leave in Prefect's pages, and the message of a notification block, on a real server."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from flows.server.local_server import LocalServer, local_server
from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.errors import ConfigError, InputError, Unavailable
from mood_core.lake import schema
from mood_core.lake.arrow_tables import users_table
from mood_core.report.page_data import MOST_PEOPLE
from tests.flows.deployed import settings_of
from tests.report_history import NOW, USER, add_history

pytestmark = pytest.mark.prefect

WEEK = date(2026, 11, 18)
SECRET = "secret-of-the-hook"


@pytest.fixture(scope="module")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    folder = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder))
        with local_server(folder) as running:
            running.wait_until_ready()
            yield running


@pytest.fixture
def server(home: Path, running_server: LocalServer) -> Iterator[str]:
    with settings_of(running_server):
        yield running_server.api_url


@contextmanager
def _listening(statuses: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A chat's webhook on loopback, which answers with ``statuses`` in turn, and what it received."""
    reported: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reported.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(statuses[min(len(reported), len(statuses)) - 1])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as hook:
        thread = Thread(target=hook.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{hook.server_port}/{SECRET}", reported
        finally:
            hook.shutdown()
            thread.join()


def _save_block(name: str, url: str) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    block = CustomWebhookNotificationBlock(name=name, url=url, json_data={"text": "{{subject}}\n\n{{body}}"})
    block.save(name, overwrite=True)


def _artifacts(key: str) -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        return client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))


def _names_of_runs() -> list[str]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(name=FlowRunFilterName(like_="for ada")))
    return [run.name for run in runs]


def test_the_recap_is_written_shown_and_sent(server: str, home: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    from flows.write_recap import write_recap

    with Workspace() as space:
        add_history(space, 400)
    with _listening([200]) as (url, reported):
        _save_block("moods", url)
        said = write_recap(week=WEEK, notify="custom-webhook/moods")
        again = write_recap(["ada"], week=WEEK, notify="custom-webhook/moods")
    assert again == said
    assert reported == [{"text": f"The week in moods\n\n{said[0]}"}] * 2
    assert said[0].startswith(f"{USER.display_name} listened ")
    assert (home / "recaps" / "2026-11-16" / "ada.png").read_bytes().startswith(b"\x89PNG")
    assert _names_of_runs() == ["weekly recap for ada of the week with 2026-11-18"]
    assert "&lt;img" in _artifacts("moodlog-recap")[0].data
    picture = _artifacts("moodlog-recap-picture")[0].data
    assert base64.b64decode(picture.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")


def test_a_message_that_fails_is_tried_again_and_never_logged_with_its_address(
    server: str, caplog: pytest.LogCaptureFixture
) -> None:
    from flows.alerting.send_message import send_message

    quick = send_message.with_options(retry_delay_seconds=0, retries=1)
    with _listening([503, 200]) as (url, reported):
        _save_block("flaky", url)
        quick("custom-webhook/flaky", "moods", "a week")
    assert len(reported) == 2
    with _listening([404]) as (url, reported):
        _save_block("gone", url)
        with pytest.raises(Unavailable, match=r"custom-webhook/gone .*HTTP 404"):
            quick("custom-webhook/gone", "moods", "a week")
    assert SECRET not in caplog.text


def test_failures_that_a_block_hides_are_reported(server: str) -> None:
    from prefect.blocks.notifications import SlackWebhook

    from flows.alerting.send_message import send_message

    with _listening([500]) as (url, _):
        SlackWebhook(url=f"json://{url.removeprefix('http://')}").save("quiet", overwrite=True)
        with pytest.raises(Unavailable, match="slack-webhook/quiet"):
            send_message.with_options(retries=0)("slack-webhook/quiet", "moods", "a week")


def test_a_wrong_block_is_said_before_anything_is_written(server: str, home: Path) -> None:
    from prefect.blocks.system import Secret

    from flows.write_recap import write_recap

    with pytest.raises(ConfigError, match=r"slack-webhook/nobody .*prefect block ls"):
        write_recap(notify="slack-webhook/nobody")
    Secret(value="x").save("word", overwrite=True)
    with pytest.raises(ConfigError, match="slack-webhook/NAME"):
        write_recap(notify="secret/word")
    with pytest.raises(InputError, match="eve"):
        write_recap(["eve"])
    assert not (home / "recaps").exists()


def test_nobody_and_a_silent_week_leave_no_picture(server: str, home: Path) -> None:
    from flows.write_recap import write_recap

    assert write_recap(week=WEEK) == []
    with Workspace() as space:
        add_history(space, 20)
    assert "no stored listens" in write_recap(week=date(2020, 1, 1))[0]
    assert not list((home / "recaps").rglob("*.png"))


def test_the_page_is_written_for_its_owner_only_and_replaces_no_other_file(server: str, home: Path) -> None:
    from flows.write_report import write_report

    with Workspace() as space:
        add_history(space, 20)
    write_report()
    page = home / "report.html"
    first = page.read_bytes()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    write_report(["ada"])
    assert page.read_bytes()[:500] == first[:500]
    page.write_text("my thesis", encoding="utf-8")
    with pytest.raises(InputError, match=r"report\.html is not a page of moodlog and is not replaced; move it"):
        write_report()
    assert page.read_text(encoding="utf-8") == "my thesis"


def test_more_people_than_a_page_shows_have_none_until_some_are_chosen(
    server: str, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from flows.write_report import write_report

    with Workspace() as space:
        users = [User(f"user-{number}", f"User {number}", "UTC", NOW) for number in range(MOST_PEOPLE + 1)]
        space.batches.add(schema.USERS, users_table(users, recorded_at=NOW), now=NOW)
    write_report()
    assert not (home / "report.html").exists()
    assert "Name up to 12 in the parameter people" in caplog.text
    write_report(["user-1"])
    assert (home / "report.html").is_file()


def test_a_night_leaves_its_summary_accounts_and_picture(server: str, home: Path) -> None:
    from prefect import flow

    from flows.summary import conclude
    from mood_core.usecases.nightly.label_tracks import LabelReport
    from mood_core.usecases.nightly.night_report import NightReport
    from mood_core.usecases.nightly.pull_listens import PullOutcome

    with Workspace() as space:
        add_history(space, 400)
    report = NightReport([PullOutcome("ada", new=4)], labels=LabelReport("model/1", labelled=3))
    state = flow(persist_result=False, validate_parameters=False)(conclude)(report, return_state=True)
    assert state.name == "Completed"
    row = json.loads(_artifacts("moodlog-accounts")[0].data)[0]
    assert (row["account"], row["new listens"], row["open gaps"]) == ("ada", 4, 1)
    assert "4 new listens from 1 account," in _artifacts("moodlog-summary")[0].data
    picture = _artifacts("moodlog-moods")[0].data
    assert b"listens by mood" in base64.b64decode(picture.removeprefix("data:image/svg+xml;base64,"))


def test_long_work_shows_how_far_it_is(server: str) -> None:
    from prefect import flow

    from flows.progress import ProgressArtifact

    @flow(persist_result=False)
    def work(of: int, key: str) -> None:
        shown = ProgressArtifact(key, "Things done")
        for done in range(1, of + 1):
            shown(done, of)

    work(400, "moodlog-much")
    work(20, "moodlog-little")
    (much,) = _artifacts("moodlog-much")
    assert (much.type, float(much.data), much.description) == ("progress", 100.0, "Things done")
    assert _artifacts("moodlog-little") == []


def test_fast_work_asks_the_server_only_at_its_begin_and_end(server: str) -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.logging.handlers import APILogHandler

    from flows.progress import ProgressArtifact

    @flow(persist_result=False)
    def work() -> None:
        shown = ProgressArtifact("moodlog-fast", "Fast things done")
        for done in range(1, 401):
            shown(done, 400)

    work()
    APILogHandler().flush()
    with get_client(sync_client=True) as client:
        logs = [log.message for log in client.read_logs(limit=200) if log.message.startswith("Fast things done")]
    assert {"Fast things done: 20 of 400", "Fast things done: 400 of 400"} <= set(logs)
    assert len(logs) < 10
