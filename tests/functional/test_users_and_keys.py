"""``moodlog users`` and ``keys``: changes reach SQL and the lake, and no token is lost on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from flows.cli import main
from mood_core.errors import ConfigError
from mood_core.lake import open_lake
from mood_core.spotify.tokens import TokenCipher
from standin import StandIn
from tests.nights import connect_listeners, one_night, point_at, workspace_of


@pytest.fixture
def ids(home: Path, standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    point_at(standin, monkeypatch)
    with workspace_of(standin) as workspace:
        return connect_listeners(workspace, standin)


def _moodlog(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def _listed() -> dict[str, dict[str, str]]:
    lines = map(json.loads, _moodlog("users", "list", "--json").stdout.splitlines())
    return {line["user_id"]: line for line in lines}


def test_a_paused_account_is_not_pulled_until_it_is_resumed(ids: list[str], standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        workspace.accounts.troubled([ids[0]], "Spotify failed")
    assert _moodlog("users", "pause", ids[0]).exit_code == 0
    with workspace_of(standin) as workspace:
        assert {outcome.user_id for outcome in one_night(workspace).outcomes} == set(ids[1:])
    assert _moodlog("users", "resume", ids[0]).exit_code == 0
    with workspace_of(standin) as workspace:
        assert workspace.accounts.all([ids[0]])[0].last_problem is None
        assert {outcome.user_id for outcome in one_night(workspace).outcomes} == set(ids)


def test_an_id_means_its_own_account_though_somebody_is_called_so(ids: list[str], standin: StandIn) -> None:
    assert _moodlog("users", "rename", ids[1], ids[0]).exit_code == 0
    with workspace_of(standin) as workspace:
        one_night(workspace)
    assert _moodlog("users", "pause", ids[0]).exit_code == 0
    assert {user_id: line["state"] for user_id, line in _listed().items() if user_id in ids[:2]} == {
        ids[0]: "paused",
        ids[1]: "active",
    }
    reported = [json.loads(line) for line in _moodlog("history", "--user", ids[0], "--json").stdout.splitlines()]
    assert {line["user_id"] for line in reported} == {ids[0]}
    assert _moodlog("forget", "--user", ids[0], "--yes").exit_code == 0
    assert set(_listed()) == set(ids[1:]), "who only bears the id as a name stays"


def test_a_new_name_reaches_sql_and_the_lake(ids: list[str], home: Path) -> None:
    assert _moodlog("users", "rename", ids[0], "Zoë “Z” 🎧").exit_code == 0
    assert _listed()[ids[0]]["display_name"] == "Zoë “Z” 🎧"
    lake = open_lake(str(home / "lake"))
    rows = [row for path in lake.paths("users") for row in lake.read(path)[1].to_pylist() if row["user_id"] == ids[0]]
    newest = max(rows, key=lambda row: row["recorded_at"])
    assert newest["display_name"] == "Zoë “Z” 🎧"
    assert len({row["connected_at"] for row in rows}) == 1


def test_a_new_time_zone_moves_past_days(ids: list[str], standin: StandIn) -> None:
    with workspace_of(standin) as workspace:
        one_night(workspace)
    days = text("SELECT local_time, played_at FROM mood_history WHERE user_id = :id ORDER BY played_at_ms LIMIT 1")
    assert _moodlog("users", "set-timezone", ids[0], "Pacific/Kiritimati").exit_code == 0
    with workspace_of(standin) as workspace, workspace.database.read() as connection:
        local, utc = connection.execute(days, {"id": ids[0]}).one()
        counted = connection.execute(text("SELECT sum(listens) FROM mood_daily WHERE user_id = :id"), {"id": ids[0]})
        listens = connection.execute(text("SELECT count(*) FROM mood_history WHERE user_id = :id"), {"id": ids[0]})
        assert counted.scalar_one() == listens.scalar_one()
    assert (int(local[11:13]) - int(utc[11:13])) % 24 == 14
    wrong = _moodlog("users", "set-timezone", ids[0], "Mars/Olympus")
    assert wrong.exit_code == 2
    assert "Mars/Olympus" in wrong.stderr


def test_who_is_unknown_is_named(ids: list[str]) -> None:
    done = _moodlog("users", "pause", "nobody")
    assert (done.exit_code, "nobody" in done.stderr) == (2, True)


def test_rotating_the_key_keeps_every_token(ids: list[str], home: Path, standin: StandIn) -> None:
    old = (home / "token.key").read_text(encoding="ascii").split()
    assert _moodlog("keys", "rotate").exit_code == 0
    new = (home / "token.key").read_text(encoding="ascii").split()
    assert len(new) == 1
    assert new != old
    assert (home / "token.key").stat().st_mode & 0o077 == 0
    with workspace_of(standin) as workspace:
        stored = workspace.tokens.read(ids[0])
        assert stored is not None
        with pytest.raises(ConfigError):
            TokenCipher(old).decrypt(stored.ciphertext)
        assert all(outcome.problem is None for outcome in one_night(workspace).outcomes)


def test_a_rotation_that_was_cut_short_loses_no_token(ids: list[str], home: Path, standin: StandIn) -> None:
    # Killed after the new key was put first and one token had it.
    path = home / "token.key"
    keys = [TokenCipher.generate_key(), *path.read_text(encoding="ascii").split()]
    path.write_text("\n".join(keys), encoding="ascii")
    with workspace_of(standin) as workspace:
        stored = workspace.tokens.read(ids[0])
        assert stored is not None
        workspace.tokens.replace_ciphertexts({ids[0]: (workspace.cipher.rotate(stored.ciphertext), stored.version)})
    assert _moodlog("keys", "rotate").exit_code == 0
    with workspace_of(standin) as workspace:
        assert all(outcome.problem is None for outcome in one_night(workspace).outcomes)
