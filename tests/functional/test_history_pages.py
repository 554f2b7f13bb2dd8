"""Reading a history page by page: nothing between two pages is left out, and every reading comes to an end."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from flows.report_text import account_rows, headline, markdown
from mood_core.app.workspace import Workspace
from mood_core.domain.records import from_ms
from mood_core.usecases.nightly.night_report import NightReport
from mood_core.usecases.nightly.pull_listens import PullOutcome
from mood_core.usecases.upkeep.check_health import account_findings
from standin import Fault, FaultKind, StandIn
from tests.conftest import NOW
from tests.nights import workspace_of
from tests.scrobbling import EACH, ENDPOINTS, PAGES, connect, moodlog, pull, rows_of, stored, without_an_app

END = int(NOW.timestamp()) - 3_600
"""The newest row, s since 1970."""


@pytest.fixture
def standin(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A stand-in, and a person without an app."""
    with without_an_app(monkeypatch) as running:
        yield running


def _give(standin: StandIn, seconds: list[int]) -> str:
    name = standin.listeners[0].listener_id
    standin.histories.given[name] = rows_of(standin, seconds)
    return name


@EACH
def test_a_second_that_a_page_cuts_is_read_whole(standin: StandIn, service: str) -> None:
    page = PAGES[service]
    before = [END - 300 * number for number in range(page - 2)]
    cut = [before[-1] - 300] * 4  # two on the first page, two on the next
    name = _give(standin, [*before, *cut, cut[0] - 300])
    with workspace_of(standin) as workspace:
        outcome = pull(workspace, connect(workspace, service, name))
        assert (outcome.problem, outcome.gap, stored(workspace)) == (None, False, page + 3)
        assert standin.calls.count(ENDPOINTS[service]) == 1 + 2, "the check of the name, and two pages"


@EACH
def test_more_than_a_page_of_one_second_ends(standin: StandIn, service: str) -> None:
    page = PAGES[service]
    older = [END - 300 * number for number in range(1, 6)]
    name = _give(standin, [END] * (page + 50) + older)
    with workspace_of(standin) as workspace:
        outcome = pull(workspace, connect(workspace, service, name))
        assert (outcome.problem, outcome.gap) == (None, False)
        assert stored(workspace) >= len(older), "what is older is read; of the second, one page"
        assert standin.calls.count(ENDPOINTS[service]) == 1 + 2


@EACH
def test_rows_without_a_valid_time_do_not_stop_the_reading(standin: StandIn, service: str) -> None:
    page = PAGES[service]
    dated = [END - 300 * number for number in range(page + 3)]
    name = _give(standin, dated + list(range(1, page + 20)))  # a device without a clock: 1970
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, name)
        outcome = pull(workspace, user_id)
        assert (outcome.problem, outcome.gap, stored(workspace)) == (None, False, len(dated))
        assert outcome.skipped > 0
        again = pull(workspace, user_id)
        assert (again.new, again.skipped) == (0, 0)


@EACH
@pytest.mark.usefixtures("each_database")
def test_a_history_is_read_whole_whatever_other_sources_have_stored(
    standin: StandIn, service: str, tmp_path: Path
) -> None:
    page = PAGES[service]
    name = _give(standin, [END - 300 * number for number in range(2 * page)])
    file = tmp_path / "Streaming_History_Audio_0.json"
    file.write_text(json.dumps([_extended(standin, name, number) for number in range(page + 5)]))
    assert moodlog("import", str(file), "--user", "Ada").exit_code == 0
    done = moodlog("connect", "--from", service, name, "--user", "Ada", "--timezone", "UTC")
    assert done.exit_code == 0, done.output
    with workspace_of(standin) as workspace:
        assert stored(workspace) == 2 * page


def _extended(standin: StandIn, name: str, number: int) -> dict[str, object]:
    row = standin.histories.given[name][number]
    song = standin.world.song(row.song)
    return {
        "ts": f"{from_ms(row.at_s * 1000) + timedelta(milliseconds=song.duration_ms):%Y-%m-%dT%H:%M:%SZ}",
        "ms_played": song.duration_ms,
        "spotify_track_uri": f"spotify:track:{song.track_id}",
        "master_metadata_track_name": song.name,
        "master_metadata_album_artist_name": song.artists[0].name,
    }


def test_another_service_or_name_is_another_history(standin: StandIn) -> None:
    name = _give(standin, [END - 300 * number for number in range(450)])
    other = standin.listeners[1].listener_id
    standin.histories.given[other] = rows_of(standin, [END - 300 * number for number in range(450, 1_750)])
    assert moodlog("connect", "--from", "lastfm", name, "--timezone", "UTC").exit_code == 0
    for service, names in (("listenbrainz", name), ("listenbrainz", other), ("lastfm", other)):
        done = moodlog("connect", "--from", service, names, "--user", f"lastfm:{name}")
        assert done.exit_code == 0, done.output
    with workspace_of(standin) as workspace:
        assert stored(workspace) == 450 + 1_300
        assert workspace.listens.open_gaps(f"lastfm:{name}") == []


@EACH
@pytest.mark.usefixtures("each_database")
def test_plays_that_were_deleted_or_edited_are_reported_and_can_be_dropped(standin: StandIn, service: str) -> None:
    name = _give(standin, [END - 300 * number for number in range(40)])
    assert moodlog("connect", "--from", service, name, "--timezone", "UTC").exit_code == 0
    rows = standin.histories.given[name]
    edited = rows[7]._replace(song=rows[20].song)
    standin.histories.given[name] = [*rows[1:5], *rows[6:7], edited, *rows[8:]]  # the newest and another are deleted
    with workspace_of(standin) as workspace:
        outcome = pull(workspace, f"{service}:{name}")
        report = NightReport([outcome, PullOutcome("bo")])
        assert "3 stored plays deleted or edited" in headline(report)
        assert f"drop-changed {service}:{name}" in markdown(report)
        assert [row["deleted or edited"] for row in account_rows(report.outcomes, {})] == [3, 0]
        before = stored(workspace)
        (found,) = account_findings(workspace.accounts, workspace.now(), workspace.days_left)
        assert "users drop-changed" in found.remedy
    assert json.loads(moodlog("status", "--json").stdout)["users"][0]["changed_plays"] == 3
    assert "3 stored plays" in moodlog("status").output
    dropped = moodlog("users", "drop-changed", name)
    assert (dropped.exit_code, "3 plays" in dropped.stderr) == (0, True), dropped.output
    with workspace_of(standin) as workspace:
        assert stored(workspace) == before - 3
        pull(workspace, f"{service}:{name}")
        assert stored(workspace) == before - 2, "the edited play as it is now"
        assert workspace.accounts.all()[0].changed_at == []
        assert not workspace.verify(deep=True).findings
    assert "0 plays" in moodlog("users", "drop-changed", name).stderr
    assert moodlog("rebuild").exit_code == 0
    with workspace_of(standin) as workspace:
        assert stored(workspace) == before - 2


def test_deletions_are_detected_beside_a_row_with_a_wrong_time(standin: StandIn) -> None:
    name = _give(standin, [END + 400 * 86_400, *(END - 300 * number for number in range(40))])
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, "listenbrainz", name)
        assert (pull(workspace, user_id).skipped, stored(workspace)) == (1, 40)
        del standin.histories.given[name][10]
        assert pull(workspace, user_id).skipped == 0
        assert len(workspace.accounts.all()[0].changed_at) == 1


@EACH
def test_invalid_rows_are_quarantined_once_in_one_file_that_is_forgotten(
    standin: StandIn, service: str, home: Path
) -> None:
    name = _give(standin, [END + 400 * 86_400, *(END - 300 * number for number in range(40))])
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, name)
        assert [pull(workspace, user_id).skipped for _ in range(3)] == [1, 0, 0]
        standin.histories.given[name] = [*rows_of(standin, [END + 500 * 86_400]), *standin.histories.given[name]]
        assert [pull(workspace, user_id).skipped for _ in range(2)] == [1, 0]
        (kept,) = (home / "quarantine").glob("*.ndjson")
        lines = [json.loads(line) for line in kept.read_text("ascii").splitlines()]
        assert [(line["source"], "future" in line["reason"]) for line in lines] == [(service, True)] * 2
        assert all(line["row"] and "user_name" not in line["row"] for line in lines)
        assert kept.stat().st_mode & 0o077 == 0
        workspace.forget(user_id)
        assert not list((home / "quarantine").glob("*.ndjson"))


def test_the_rows_of_an_export_to_the_minute_are_the_plays_of_the_account(standin: StandIn, tmp_path: Path) -> None:
    name = _give(standin, [END - 300 * number - 7 for number in range(40)])
    connected = moodlog("connect", "--from", "lastfm", name, "--timezone", "UTC")
    assert ("40 plays pending" in connected.stderr, "listens" in connected.stderr) == (True, False)
    table = tmp_path / "ada.csv"
    with table.open("w") as sink:
        for row in standin.histories.given[name]:
            song = standin.world.song(row.song)
            minute = f"{from_ms(row.at_s * 1_000):%d %b %Y %H:%M}"
            csv.writer(sink).writerow([song.artists[0].name, song.album.name, song.name, minute])
    done = moodlog("import", str(table), "--user", f"lastfm:{name}", "--json")
    assert json.loads(done.stdout)["outcomes"] == {"same_listen": 40}


def test_a_play_that_is_shown_again_is_not_reported(standin: StandIn) -> None:
    name = _give(standin, [END - 300 * number for number in range(40)])
    rows = standin.histories.given[name]
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, "listenbrainz", name)
        for shown, changed in ((rows, 0), (rows[:9] + rows[10:], 1), (rows, 0), ([], 0)):
            standin.histories.given[name] = shown
            pull(workspace, user_id)
            assert (len(workspace.accounts.all()[0].changed_at), stored(workspace)) == (changed, 40)


def test_a_reconnect_keeps_the_token_and_names_the_way_out_of_a_lost_key(standin: StandIn, home: Path) -> None:
    name = standin.listeners[0].listener_id
    token = f"token-{name}"
    assert moodlog("connect", "--from", "listenbrainz", name, "--token", given=f"{token}\n").exit_code == 0
    assert moodlog("reconnect", name).exit_code == 0
    with workspace_of(standin) as workspace:
        kept = workspace.histories.login_of(f"listenbrainz:{name}").token
        assert kept is not None
        assert kept.get_secret_value() == token
    assert moodlog("reconnect", name, "--token", given="\n").exit_code == 0
    with workspace_of(standin) as workspace:
        assert workspace.histories.login_of(f"listenbrainz:{name}").token is None
    (home / "token.key").unlink()
    lost = moodlog("reconnect", name)
    assert (lost.exit_code, f"--user listenbrainz:{name}" in lost.stderr) == (78, True), lost.output
    again = moodlog("connect", "--from", "listenbrainz", name, "--user", f"listenbrainz:{name}")
    assert again.exit_code == 0, again.output


@EACH
@pytest.mark.parametrize("newer", [0, 40])
@pytest.mark.usefixtures("each_database")
def test_what_was_added_to_a_history_later_is_read(standin: StandIn, service: str, newer: int) -> None:
    """A person imports an old export into the service after they connected the account."""
    page = PAGES[service]
    seconds = [END - 300 * number for number in range(page)]
    name = _give(standin, seconds)
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, name)
        pull(workspace, user_id)
        standin.clock.advance(timedelta(days=1))
        older = [END - 10_000_000 - 300 * number for number in range(page + 30)]
        standin.histories.given[name] += rows_of(standin, older)
        fresh = rows_of(standin, [END + 300 * (number + 1) for number in range(newer)])
        standin.histories.given[name] = fresh + standin.histories.given[name]
        outcome = pull(workspace, user_id)
        assert (outcome.problem, outcome.gap, outcome.new) == (None, False, len(older) + newer)
        calls = standin.calls.count(ENDPOINTS[service])
        assert pull(workspace, user_id).new == 0
        assert standin.calls.count(ENDPOINTS[service]) <= calls + 3, "it is read once"


@EACH
def test_a_reconnect_reads_plays_that_were_added_among_the_others(standin: StandIn, service: str) -> None:
    name = _give(standin, [END - 90_000 * number for number in range(2 * PAGES[service])])
    assert moodlog("connect", "--from", service, name, "--timezone", "UTC").exit_code == 0
    rows = standin.histories.given[name]
    added = rows[-9]._replace(at_s=rows[-9].at_s - 9_000)
    standin.histories.given[name] = sorted([*rows, added], reverse=True)
    assert moodlog("reconnect", name).exit_code == 0
    with workspace_of(standin) as workspace:
        assert stored(workspace) == len(rows) + 1


@EACH
@pytest.mark.usefixtures("each_database")
def test_plays_that_were_added_among_old_ones_are_found_by_one_more_call_a_day(standin: StandIn, service: str) -> None:
    name = _give(standin, [END - 90_000 * number for number in range(2 * PAGES[service] + 20)])
    rows = standin.histories.given[name]
    added = rows[:0]
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, name)
        pull(workspace, user_id)
        for _ in range(2):  # from the newest page to the oldest, twice
            added.append(rows[-9]._replace(at_s=rows[-9].at_s - 9_000 * (len(added) + 1)))
            standin.histories.given[name] = sorted([*rows, *added], reverse=True)
            for days_later, found in ((0, 0), (1, 0), (1, 1)):
                standin.clock.advance(timedelta(days=days_later))
                calls = standin.calls.count(ENDPOINTS[service])
                outcome = pull(workspace, user_id)
                assert (outcome.problem, outcome.new, outcome.gap) == (None, found, False)
                assert standin.calls.count(ENDPOINTS[service]) == calls + 1 + days_later
        assert stored(workspace) == len(rows) + 2


NOTHING = {
    "listenbrainz": '{"payload": {"count": 0, "listens": [], "oldest_listen_ts": 0, "latest_listen_ts": 0}}',
    "lastfm": '{"recenttracks": {"track": [], "@attr": {"totalPages": "0", "total": "0"}}}',
}


@EACH
@pytest.mark.usefixtures("each_database")
def test_an_empty_page_does_not_end_a_history(standin: StandIn, service: str) -> None:
    count = 3 * PAGES[service] + 5
    name = _give(standin, [END - 300 * number for number in range(count)])
    fault = Fault(FaultKind.WRONG_SHAPE, endpoint=ENDPOINTS[service], times=1, skip=2, body=NOTHING[service])
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, name)
        standin.faults.add(fault)
        outcome = pull(workspace, user_id)
        assert (outcome.gap, stored(workspace)) == (True, 2 * PAGES[service])
        standin.clock.advance(timedelta(hours=3))
        outcome = pull(workspace, user_id)
        assert (outcome.gap, stored(workspace)) == (False, count)


def test_a_page_that_stays_empty_for_a_day_ends_a_history(standin: StandIn) -> None:
    page = PAGES["lastfm"]
    name = _give(standin, [END - 300 * number for number in range(2 * page)])
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, "lastfm", name)
        fault = Fault(FaultKind.RATE_LIMITED, endpoint=ENDPOINTS["lastfm"], times=1, skip=1, retry_after_s=7_200)
        standin.faults.add(fault)
        pull(workspace, user_id)
        del standin.histories.given[name][page:]  # the person deletes what was not read yet
        for hours, is_open in ((3, True), (23, True), (2, False)):
            standin.clock.advance(timedelta(hours=hours))
            outcome = pull(workspace, user_id)
            assert (outcome.problem, outcome.gap, stored(workspace)) == (None, is_open, page)


@EACH
@pytest.mark.parametrize("short", [-40, 0, 1, 6])
def test_a_play_that_arrived_late_is_read_wherever_a_page_ends(standin: StandIn, service: str, short: int) -> None:
    """It was played an hour before the newest play of the last pull. ``short``: how many plays the pages lack."""
    page = 200
    seconds = [END - 300 * number for number in range(page)]
    name = _give(standin, seconds)
    with workspace_of(standin) as workspace:
        user_id = connect(workspace, service, name)
        pull(workspace, user_id)
        for pages in (1, 2):
            newest = seconds[0]
            later = [newest + 300 * (number + 1) for number in range(pages * page - short)]
            seconds = [*reversed(later), *seconds]
            standin.clock.advance(timedelta(seconds=later[-1] - newest))
            seconds = sorted([*seconds, newest - 3_600 + 60], reverse=True)
            standin.histories.given[name] = rows_of(standin, seconds)
            outcome = pull(workspace, user_id)
            assert (outcome.problem, outcome.gap) == (None, False)
        assert _times(workspace) >= {second * 1_000 for second in seconds}


def _times(workspace: Workspace) -> set[int]:
    rows = "SELECT played_at_ms FROM listens UNION SELECT ended_at_ms FROM named_plays"
    with workspace.database.read() as connection:
        return set(connection.exec_driver_sql(rows).scalars())
