"""``moodlog forget``: nothing of the person stays, nothing of the others goes, wherever it is killed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import Gap, to_ms
from mood_core.lake import Lake
from mood_core.lake.arrow_tables import to_table
from mood_core.lake.schema import AUDIO_FEATURES, DATASETS, GAPS, LISTENS, MOODS, OF_TRACKS, PERSONAL, TRACKS
from mood_core.store.locks.leases import new_owner
from mood_core.store.queries.pending_responses import PendingResponses
from mood_core.store.queries.person_erase import PersonErasure
from mood_core.store.upkeep import rebuilding
from mood_core.usecases import remove_rows as take_out
from mood_core.usecases.batch_writer import BatchWriter
from mood_core.usecases.collect_responses import CollectResponses
from mood_core.usecases.imports.write import named_table
from mood_core.usecases.people import forget_person as module
from mood_core.usecases.people.manage_users import change_user
from mood_core.usecases.people.remove_everywhere import RemoveEverywhere
from standin import StandIn
from tests.conftest import NOW
from tests.exports import extended
from tests.flows.planted import everything_kept
from tests.nights import connected_and_pulled, contents, workspace_of
from tests.store_data import features, listens, moods, set_current, tracks

pytestmark = pytest.mark.partitions


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def ids(home: Path, standin: StandIn, database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", database_url)
    return connected_and_pulled(standin, monkeypatch)


def _moodlog(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=answer)


def _of_others(workspace: Workspace, user_id: str) -> dict[str, list[tuple[object, ...]]]:
    """What is stored without the person, and without the local files that nobody else heard."""
    stored = contents(workspace)
    heard = {row[2] for row in stored["listens"] if row[0] != user_id}
    own = {row[2] for row in stored["listens"] if row[0] == user_id and row[2].startswith("spotify:local:")} - heard
    return {name: [row for row in rows if user_id not in row and row[0] not in own] for name, rows in stored.items()}


def _files_with(lake: Lake, user_id: str) -> list[str]:
    return [
        path
        for dataset in PERSONAL
        for path in (*lake.paths(dataset.name), *lake.superseded(dataset.name))
        if user_id in lake.read(path)[1]["user_id"].to_pylist()
    ]


def _assert_forgotten(standin: StandIn, user_id: str, others: dict[str, list[tuple[object, ...]]]) -> None:
    with workspace_of(standin) as workspace:
        assert workspace.batches.finish(now=workspace.now()) == 0
        assert contents(workspace) == others
        assert _files_with(workspace.lake, user_id) == []
        with workspace.database.read() as connection:
            for table in ("_accounts", "_mood_days"):
                orphans = f"SELECT count(*) FROM {table} WHERE user_key NOT IN (SELECT user_key FROM users)"  # noqa: S608
                assert connection.scalar(text(orphans)) == 0
    verified = _moodlog("verify", "--deep")
    assert verified.exit_code == 0, verified.output


def test_a_person_is_gone_and_the_others_are_whole(ids: list[str], standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        assert _files_with(workspace.lake, ids[0])
        others = _of_others(workspace, ids[0])
    done = _moodlog("forget", "--user", ids[0], "--yes", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["listens"] > 0
    _assert_forgotten(standin, ids[0], others)
    rebuilt = _moodlog("rebuild")
    assert rebuilt.exit_code == 0, rebuilt.output
    _assert_forgotten(standin, ids[0], others)


def test_a_damaged_database_that_was_moved_away_is_named(ids: list[str], tmp_path: Path, database_url: str) -> None:
    away = tmp_path / "moodlog.db.damaged-20260101T000000Z"  # beside the database, which is not in HOME
    away.write_bytes(b"nobody can take rows out of this")
    done = _moodlog("forget", "--user", ids[0], "--yes", "--json")
    assert done.exit_code == 0, done.output
    expected = [str(away)] if database_url.startswith("sqlite") else []
    assert json.loads(done.stdout)["left"] == expected
    assert (f"{away} may still contain their data" in done.stderr) is bool(expected)


def test_who_is_only_in_the_lake_goes_too(ids: list[str], standin: StandIn, tmp_path: Path) -> None:
    """The database was lost, and the person wants to be forgotten before it was rebuilt."""
    with workspace_of(standin) as workspace:
        others = _of_others(workspace, ids[0])
        name = workspace.accounts.all([ids[0]])[0].display_name
        with workspace.database.write() as connection:
            for table in (*rebuilding.FILLED_BY_THE_LAKE, "_accounts", "_imported_files", *rebuilding.REFERRED_TO):
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        assert workspace.accounts.all() == []
    unknown = _moodlog("forget", "--user", "nobody", "--yes")
    assert (unknown.exit_code, "nobody" in unknown.stderr) == (2, True)
    done = _moodlog("forget", "--user", name, "--yes")
    assert done.exit_code == 0, done.output
    _assert_forgotten(standin, ids[0], others)


def test_own_local_files_go_and_shared_ones_stay(ids: list[str], standin: StandIn) -> None:
    mine, shared = "spotify:local:me:home:Lullaby+for+Ada:30", "spotify:local:band::Song:200"
    at = NOW - timedelta(days=1)
    with workspace_of(standin) as workspace:
        heard = [(ids[0], at, mine), (ids[0], at, shared), (ids[1], at, shared)]
        for dataset, rows in (
            (TRACKS, tracks(mine, shared)),
            (LISTENS, listens(heard)),
            (AUDIO_FEATURES, features([mine, shared])),
            (MOODS, moods({mine: "Calm", shared: "Sad"})),
        ):
            workspace.batches.add(dataset, rows, now=NOW)
        set_current(workspace.database, "m/1")
        # A run was killed before it published these responses.
        responses = CollectResponses(PendingResponses(workspace.database), workspace.batches, now=NOW)
        responses.keep_tables([(TRACKS, tracks(mine, shared)), (AUDIO_FEATURES, features([mine]))])
        others = _of_others(workspace, ids[0])
    done = _moodlog("forget", "--user", ids[0], "--yes", "--json")
    assert json.loads(done.stdout)["local_files"] >= 1
    with workspace_of(standin) as workspace:
        responses = CollectResponses(PendingResponses(workspace.database), workspace.batches, now=NOW)
        assert responses.pending.count() == 1
        responses.publish()
        now_there = contents(workspace)
        in_lake = [
            row["track_id"]
            for dataset in OF_TRACKS
            for path in workspace.lake.paths(dataset.name)
            for row in workspace.lake.read(path)[1].select(["track_id"]).to_pylist()
        ]
    assert mine not in in_lake
    assert mine not in repr(now_there)
    assert shared in in_lake
    assert {row[0] for row in now_there["moods"]} >= {shared}
    assert now_there == others
    verified = _moodlog("verify", "--deep")
    assert verified.exit_code == 0, verified.output


def test_no_byte_of_them_stays_in_home(ids: list[str], standin: StandIn, home: Path, database_url: str) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("PostgreSQL clears deleted rows by itself, later")
    with workspace_of(standin) as workspace:
        change_user(workspace.accounts.all([ids[0]])[0], workspace.batches, now=NOW, display_name="Lovelace-Byron")
    recap = home / "recaps" / "2026-11-16" / f"{ids[0]}.png"
    recap.parent.mkdir(parents=True)
    recap.write_bytes(b"Lovelace-Byron")
    assert _moodlog("forget", "--user", ids[0], "--yes").exit_code == 0
    kept = dict(everything_kept(home)) | dict(everything_kept(home.parent))
    assert [name for name, data in kept.items() if ids[0].encode() in data or b"Lovelace-Byron" in data] == []
    assert any(ids[1].encode() in data for data in kept.values())


def test_nothing_happens_without_a_yes(ids: list[str], standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        before = contents(workspace)
    assert _moodlog("forget", "--user", ids[0], answer="n\n").exit_code == 1
    with workspace_of(standin) as workspace:
        assert contents(workspace) == before
        assert workspace.tokens.read(ids[0]) is not None


def test_an_account_that_is_being_pulled_is_not_touched(ids: list[str], standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        workspace.accounts.leases.acquire(
            [ids[0]], new_owner(), now=datetime.now(UTC), for_s=600.0
        )  # the command's clock
    assert _moodlog("forget", "--user", ids[0], "--yes").exit_code != 0
    with workspace_of(standin) as workspace:
        assert workspace.tokens.read(ids[0]) is not None


FUNCTIONS = {
    "add_tombstone": (BatchWriter, "add_tombstone"),
    "publish": (take_out, "publish"),
    "remove": (take_out, "remove"),
    "search again": (RemoveEverywhere, "search"),
    "end": (PersonErasure, "end"),
}


@pytest.mark.parametrize(
    ("function", "nth", "completed_by"),
    [
        ("add_tombstone", 1, "forget"),
        ("publish", 1, "a night"),
        ("publish", 1, "compact"),
        ("publish", 1, "rebuild"),
        ("end", 1, "compact"),
        ("publish", 2, "an import"),
        ("remove", 1, "forget"),
        ("search again", 3, "a night"),
        ("end", 1, "an import"),
    ],
)
def test_killed_at_any_step_the_next_run_completes_it(
    ids: list[str],
    standin: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    nth: int,
    completed_by: str,
) -> None:
    with workspace_of(standin) as workspace:
        others = _of_others(workspace, ids[0])
    place, name = FUNCTIONS[function]
    real, calls = getattr(place, name), 0

    def killing(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise Killed
        return real(*arguments, **named)

    with workspace_of(standin) as workspace, monkeypatch.context() as patch:
        patch.setattr(place, name, killing)
        with contextlib.suppress(Killed):
            module.forget_person(ids[0], workspace.lake, workspace.database, owner=new_owner(), now=workspace.now())
        with workspace.database.write() as connection:  # the lease of a process that has ended is released
            connection.execute(text("UPDATE _accounts SET leased_by = NULL"))
    if calls >= nth:
        assert "forgotten: users" in _moodlog("verify").output
        assert _moodlog("users", "resume", ids[0]).exit_code == 2, "nobody is pulled again while being forgotten"
    if completed_by == "forget":
        assert _moodlog("forget", "--user", ids[0], "--yes").exit_code == (0 if calls >= nth else 2)
    elif completed_by in {"compact", "rebuild"}:
        done = _moodlog(completed_by)
        assert done.exit_code == 0, done.output
        assert _moodlog("verify").exit_code == 0
    elif completed_by == "a night":
        with workspace_of(standin) as workspace:
            workspace.batches.finish(now=workspace.now())
    else:
        (tmp_path / "Streaming_History_Audio_2020_0.json").write_text("[]", encoding="utf-8")
        done = _moodlog("import", str(tmp_path / "Streaming_History_Audio_2020_0.json"), "--user", ids[1])
        assert done.exit_code == 0, done.output
    _assert_forgotten(standin, ids[0], others)


def _refused(*words: str) -> str:
    done = _moodlog("forget", "--yes", *words)
    assert done.exit_code == 1, done.output
    return " ".join(done.stderr.split())


@pytest.fixture
def untouched(ids: list[str], standin: StandIn) -> Iterator[list[str]]:
    """The people; afterwards nothing may have changed."""
    with workspace_of(standin) as workspace:
        before = contents(workspace)
    yield ids
    with workspace_of(standin) as workspace:
        assert contents(workspace) == before
        assert workspace.tokens.read(ids[0]) is not None


def test_a_file_that_was_moved_away_stops_it_and_is_named(untouched: list[str], home: Path, tmp_path: Path) -> None:
    (file,) = (home / "lake" / "listens").glob("*/*.parquet")
    file.rename(tmp_path / "elsewhere.parquet")
    path = f"listens/{file.parent.name}/{file.name}"
    said = _refused("--user", untouched[0])
    assert path in said
    assert f"--even-without {path}" in said
    assert "MOODLOG_LAKE_URL" in said


def test_a_wrong_lake_stops_it(untouched: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_LAKE_URL", str(tmp_path / "empty"))
    said = _refused("--user", untouched[0])
    assert str(tmp_path / "empty") in said
    assert "others" in said


@pytest.mark.parametrize("renamed", ["old-month", "month=2026-11.bak", ".hidden"])
def test_a_renamed_month_folder_stops_it(untouched: list[str], home: Path, renamed: str) -> None:
    folder = next((home / "lake" / "listens").glob("month=*"))
    folder.rename(folder.with_name(renamed))
    assert f"listens/{folder.name}/" in _refused("--user", untouched[0])


@pytest.mark.parametrize("place", ["listens/old/month=2026-11", "listens/.month=2026-11", "gaps/month=2026-11/deeper"])
def test_a_file_that_the_ledger_does_not_know_stops_it(untouched: list[str], home: Path, place: str) -> None:
    (file,) = (home / "lake" / "listens").glob("*/*.parquet")
    (home / "lake" / place).mkdir(parents=True)
    (home / "lake" / place / file.name).write_bytes(file.read_bytes())
    said = _refused("--user", untouched[0])
    assert f"{place}/{file.name}" in said
    assert "move it out of the lake" in said


def test_a_file_that_another_run_publishes_meanwhile_does_not_stop_it(
    ids: list[str], standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `moodlog relabel` does: the ledger has its file a moment later."""
    with workspace_of(standin) as workspace:
        now = workspace.now() + timedelta(days=1)
    without = Lake.foreign

    def publishing(lake: Lake, *, since: datetime | None = None) -> list[str]:
        lake.write(MOODS, moods({"t1": "Sad"}, "m/1", now), created_at=now)
        return without(lake, since=since)

    monkeypatch.setattr(Lake, "foreign", publishing)  # is called after all files were loaded
    done = _moodlog("forget", "--user", ids[0], "--yes")
    assert done.exit_code == 0, done.output


def test_a_file_that_is_lost_for_good_can_be_named_and_brings_nobody_back(
    ids: list[str], home: Path, standin: StandIn, tmp_path: Path
) -> None:
    (file,) = (home / "lake" / "listens").glob("*/*.parquet")
    content = file.read_bytes()
    file.unlink()
    done = _moodlog("forget", "--user", ids[0], "--yes", "--even-without", f"listens/{file.parent.name}/{file.name}")
    assert done.exit_code == 0, done.output
    file.write_bytes(content)
    assert f"forgotten: listens/{file.parent.name}/{file.name}" in _moodlog("verify").output.replace("\n", "")
    assert _moodlog("compact").exit_code == 0
    with workspace_of(standin) as workspace:
        assert _files_with(workspace.lake, ids[0]) == []
        others = contents(workspace)
    assert ids[0] not in repr(others)
    assert others["listens"]
    _assert_forgotten(standin, ids[0], others)


@pytest.mark.parametrize("known_by", ["listens", "gaps", "named_plays"])
def test_somebody_of_whom_only_listens_gaps_or_plays_are_left_is_found(
    ids: list[str], standin: StandIn, known_by: str
) -> None:
    rows = {
        "listens": lambda: listens([("lost", NOW, "t1")]),
        "gaps": lambda: to_table(GAPS, [Gap("lost", NOW - timedelta(days=1), NOW, NOW)]),
        "named_plays": lambda: named_table("lost", [(to_ms(NOW), "Artist", "Title", 1)]),
    }[known_by]()
    with workspace_of(standin) as workspace:
        others = contents(workspace)
        workspace.batches.add(DATASETS[known_by], rows, now=NOW)
        with workspace.database.load() as connection:  # which does not look at foreign keys
            if connection.dialect.name == "postgresql":
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text("DELETE FROM users WHERE user_id = 'lost'"))
    verified = _moodlog("verify").output
    assert f"{known_by}" in verified
    assert "rows whose person" in verified
    done = _moodlog("forget", "--user", "lost", "--yes")
    assert done.exit_code == 0, done.output
    with workspace_of(standin) as workspace:
        assert _files_with(workspace.lake, "lost") == []
        assert {name: rows for name, rows in contents(workspace).items() if name != "tracks"} == {
            name: rows for name, rows in others.items() if name != "tracks"
        }
    assert _moodlog("verify").exit_code == 0


def test_who_was_forgotten_is_not_imported_by_mistake_and_comes_back_by_name(
    ids: list[str], standin: StandIn, tmp_path: Path
) -> None:
    export = tmp_path / "Streaming_History_Audio_2020_0.json"
    export.write_text(json.dumps([extended(1)]), encoding="utf-8")
    for person in ids:
        assert _moodlog("forget", "--user", person, "--yes").exit_code == 0
    assert _moodlog("import", str(export)).exit_code == 0
    assert _moodlog("forget", "--user", "local-me", "--yes").exit_code == 0
    refused = _moodlog("import", str(export))
    assert refused.exit_code == 2
    assert "--user me" in refused.stderr
    with workspace_of(standin) as workspace:
        assert contents(workspace)["users"] == []
    assert _moodlog("import", str(export), "--user", "me").exit_code == 0
    with workspace_of(standin) as workspace:
        assert [row[0] for row in contents(workspace)["listens"]] == ["local-me"]
    assert _moodlog("verify", "--deep").exit_code == 0
