"""Accounts of ListenBrainz and Last.fm, without a Spotify app: connected, pulled, read back, stopped and forgotten."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from mood_core.app.import_export import match_names
from mood_core.domain.records import SERVICE_NAMES
from standin import Fault, FaultKind, StandIn
from standin.scrobbles import Row
from tests.nights import workspace_of
from tests.scrobbling import EACH, ENDPOINTS, PAGES, connect, moodlog, pull, stored, without_an_app


@pytest.fixture
def standin(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in, and a person without an app."""
    with without_an_app(monkeypatch) as running:
        yield running


@EACH
def test_a_history_is_connected_and_pulled_without_an_app(standin: StandIn, service: str) -> None:
    name = standin.listeners[0].listener_id
    done = moodlog("connect", "--from", service, name, "--timezone", "Asia/Tokyo")
    assert done.exit_code == 0, done.output
    assert f"Connected {name} ({service}:{name}) to {SERVICE_NAMES[service]} with the time zone" in done.stderr
    shown = json.loads(moodlog("status", "--json").stdout)
    (person,) = shown["users"]
    assert (person["state"], person["service"], person["token_days_left"]) == ("active", service, None)
    assert all(gap["filled_at"] for gap in shown["gaps"])
    calls = standin.calls.count(ENDPOINTS[service])
    assert moodlog("reconnect", name).exit_code == 0
    assert standin.calls.count(ENDPOINTS[service]) == 2 * calls, "the whole history again"
    checked = moodlog("doctor").output
    assert ("no account is pulled from Spotify" in checked, f"{service}'s" in checked) == (True, True)
    assert all("lastfm-key" not in f"{call.path}?{call.query}" for call in standin.calls.entries(None, None))
    assert moodlog("forget", "--user", name, "--yes").exit_code == 0
    assert json.loads(moodlog("status", "--json").stdout)["users"] == []


@EACH
def test_connecting_takes_one_call_a_page(standin: StandIn, service: str) -> None:
    name, page = standin.listeners[0].listener_id, PAGES[service]
    for count, calls in ((page * 2 + 7, 3), (0, 1)):
        standin.histories.give(name, count)
        standin.calls.clear()
        done = moodlog("connect", "--from", service, name)
        assert done.exit_code == 0, done.output
        assert standin.calls.count(ENDPOINTS[service]) == calls


@EACH
@pytest.mark.usefixtures("each_database")
def test_a_long_history_takes_one_call_a_page_and_goes_on_after_a_failure(standin: StandIn, service: str) -> None:
    listener, count = standin.listeners[0].listener_id, PAGES[service] * 4 + 7
    standin.histories.give(listener, count)
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, listener)
        standin.calls.clear()
        standin.faults.add(
            Fault(FaultKind.RATE_LIMITED, endpoint=ENDPOINTS[service], skip=2, times=1, retry_after_s=7200)
        )
        stopped = pull(workspace, user_id)
        assert stopped.problem
        assert stored(workspace) == 2 * PAGES[service], "each page is stored before the next call"
    standin.clock.advance(timedelta(hours=3))
    with workspace_of(standin) as workspace:
        done = pull(workspace, user_id)
        assert (done.problem, done.gap, stored(workspace)) == (None, False, count)
        entries = standin.calls.entries(ENDPOINTS[service])
        again = 1  # the newest page, which the second pull begins with
        assert len([call for call in entries if call.status == 200]) == math.ceil(count / PAGES[service]) + again
        assert pull(workspace, user_id).new == 0


@EACH
@pytest.mark.usefixtures("each_database")
def test_late_and_changed_rows_are_stored_once(standin: StandIn, service: str) -> None:
    listener = standin.listeners[1]
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, listener.listener_id)
        for _ in range(6):
            standin.clock.advance(timedelta(hours=12))
            assert pull(workspace, user_id).problem is None
        rows = standin.histories.rows(service, listener)
        plays = {row.at_s for row in rows if not _is_second(row.at_s, rows)}
        assert stored(workspace) == len(plays)


def _is_second(at_s: int, rows: Sequence[tuple[int, int, int, int]]) -> bool:
    """Whether a row repeats another of the same song some seconds earlier."""
    song = next(row[2] for row in rows if row[0] == at_s)
    return any(row[2] == song and 0 < at_s - row[0] < 12 for row in rows)


WRONG = {
    ("listenbrainz", "unknown"): (("connect", "--from", "listenbrainz", "nobody"), None, 1, "no user of that name"),
    ("listenbrainz", "bad token"): (
        ("connect", "--from", "listenbrainz", "ada-1", "--token"), "wrong\n", 77, "https://listenbrainz.org/settings/"
    ),
    ("lastfm", "no such user"): (("connect", "--from", "lastfm", "nobody"), None, 1, "no user of that name"),
    ("lastfm", "no name"): (("connect", "--from", "lastfm"), None, 2, "needs a NAME"),
    ("lastfm", "token"): (("connect", "--from", "lastfm", "ada-1", "--token"), "x\n", 2, "MOODLOG_LASTFM_API_KEY"),
    ("spotify", "name"): (("connect", "ada-1"), None, 2, "--from listenbrainz"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_can_go_wrong_names_the_remedy(standin: StandIn, what: tuple[str, str]) -> None:
    arguments, given, exit_code, words = WRONG[what]
    done = moodlog(*arguments, given=given)
    assert (done.exit_code, words in done.stderr) == (exit_code, True), done.output
    assert "Traceback" not in done.stderr


def test_without_an_api_key_lastfm_is_not_called(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOODLOG_LASTFM_API_KEY")
    done = moodlog("connect", "--from", "lastfm", "ada-1")
    assert (done.exit_code, "MOODLOG_LASTFM_API_KEY" in done.stderr) == (78, True)
    monkeypatch.setenv("MOODLOG_LASTFM_API_KEY", "stolen-key")
    done = moodlog("connect", "--from", "lastfm", "ada-1")
    assert (done.exit_code, "MOODLOG_LASTFM_API_KEY" in done.stderr, "stolen-key" in done.output) == (78, True, False)


def test_a_token_is_stored_encrypted_and_a_refused_one_can_be_tried_again(standin: StandIn, home: Path) -> None:
    name = standin.listeners[0].listener_id
    token = f"token-{name}"
    assert moodlog("connect", "--from", "listenbrainz", name, "--token", given=f"{token}\n").exit_code == 0
    assert not [path for path in home.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    standin.faults.add(Fault(FaultKind.UNAUTHORIZED, endpoint="listenbrainz_listens", times=1))
    with workspace_of(standin) as workspace:
        assert pull(workspace, f"listenbrainz:{name}").exit_code == 77
        assert workspace.accounts.all()[0].state == "needs_reauthorisation"
    assert moodlog("users", "resume", name).exit_code == 0
    with workspace_of(standin) as workspace:
        assert workspace.accounts.all()[0].state == "active"


@EACH
@pytest.mark.parametrize("body", ["", "[]", "{}", "null", '{"payload": {}, "recenttracks": []}', "<html>"])
def test_an_unexpected_response_changes_nothing(standin: StandIn, service: str, body: str) -> None:
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, standin.listeners[0].listener_id)
        standin.faults.add(Fault(FaultKind.WRONG_SHAPE, endpoint=ENDPOINTS[service], times=None, body=body or "[]"))
        assert pull(workspace, user_id).problem
        assert stored(workspace) == 0


@EACH
@pytest.mark.usefixtures("each_database")
def test_the_listens_of_a_service_are_exported_without_its_secrets(
    standin: StandIn, service: str, tmp_path: Path
) -> None:
    name, target = standin.listeners[0].listener_id, tmp_path / "ada.zip"
    with_token = ("--token",) if service == "listenbrainz" else ()
    secret = f"token-{name}" if with_token else "lastfm-key"
    assert moodlog("connect", "--from", service, name, *with_token, given=f"{secret}\n").exit_code == 0
    assert moodlog("export", "--user", name, "--output", str(target)).exit_code == 0
    with zipfile.ZipFile(target) as archive:
        parts = {part: archive.read(part).decode() for part in archive.namelist()}
    assert not [part for part, content in parts.items() if secret in content]
    (person,) = json.loads(parts["person.json"])
    assert (person["service"], person["state"]) == (service, "active")
    listens, named = json.loads(parts["listens.json"]), json.loads(parts["plays_by_name.json"])
    assert {row["listen_source"] for row in (*listens, *named)} == {service}
    assert bool(listens) is (service == "listenbrainz"), "Last.fm has names only"
    assert any(row["recording_mbid"] for row in named) is (service == "listenbrainz")
    with workspace_of(standin) as workspace:
        assert len(listens) + len(named) == stored(workspace)


@pytest.mark.usefixtures("each_database")
def test_recordings_that_listenbrainz_has_mapped_find_the_tracks_of_pending_plays(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODLOG_RESOLVERS", "musicbrainz")
    monkeypatch.setenv("MOODLOG_CONTACT", "tests@example.org")
    songs = [song for song in standin.world.catalogue.songs if not song.is_local and song.index % 3 == 0][:9]
    name = standin.listeners[0].listener_id
    end = int(standin.clock.now().timestamp()) - 600
    standin.histories.given[name] = [Row(end - 300 * place, 0, song.index, 0) for place, song in enumerate(songs)]
    pending = [song for song in songs if song.index % 9]  # the others have an ISRC
    with workspace_of(standin) as workspace:
        pull(workspace, connect(workspace, "listenbrainz", name))
        report = workspace.resolve_names()
        assert report.asked["musicbrainz"] == len(pending)
        assert report.found["musicbrainz"] == sum(song.index % 12 > 0 for song in pending)
        assert match_names(workspace) >= report.found["musicbrainz"] > 0
        assert standin.calls.count("musicbrainz_lookup") == len(pending)
        assert not workspace.resolve_names().asked, "what is unknown is not asked again the same day"
        assert not workspace.verify(deep=True).findings
    assert moodlog("rebuild").exit_code == 0
    with workspace_of(standin) as workspace:
        assert stored(workspace) == len(songs)
