"""A person has one name, however it is written: in upper or lower case, with accents composed or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flows.cli import main
from mood_core.app.workspace import Workspace
from mood_core.domain.records import User
from mood_core.lake.arrow_tables import users_table
from mood_core.lake.schema import USERS
from mood_core.text.names import name_key
from tests.exports import extended

ZOE = "Zo\u00eb"
SPELLINGS = ("ZO\u00cb", "zoe\u0308 ")

pytestmark = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


def _moodlog(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture
def export(home: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An export that was imported for Zoë; HOME has her and nobody else."""
    monkeypatch.setenv("MOODLOG_DATABASE_URL", database_url)
    path = tmp_path / "Streaming_History_Audio_2020_0.json"
    path.write_text(json.dumps([extended(1), extended(2)]), encoding="utf-8")
    assert _moodlog("import", str(path), "--user", ZOE).exit_code == 0
    return str(path)


def _people() -> list[tuple[str, str]]:
    with Workspace() as workspace:
        return [(account.user_id, account.display_name) for account in workspace.accounts.all()]


def _add(user_id: str, name: str) -> None:
    with Workspace() as workspace:
        now = workspace.now()
        workspace.batches.add(USERS, users_table([User(user_id, name, "UTC", now)], recorded_at=now), now=now)


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_means_the_same_person(export: str, name: str) -> None:
    assert name_key(name) == name_key(ZOE)
    again = _moodlog("import", export, "--user", name, "--json")
    assert json.loads(again.stdout)["outcomes"] == {"already_imported": 2}
    assert _people() == [("local-zo\u00eb", ZOE)]
    for command in (
        ["history", "--user", name, "--json"],
        ["recap", "--user", name],
        ["report", "--user", name],
        ["export", "--user", name],
        ["users", "set-timezone", name, "Europe/Lisbon"],
    ):
        done = _moodlog(*command)
        assert done.exit_code == 0, (command, done.output)
    assert _moodlog("history", "--user", name, "--json").stdout
    assert _moodlog("forget", "--user", name, "--yes").exit_code == 0
    assert _people() == []


def test_two_people_of_one_name_are_distinguished_by_id_and_named_by_doctor(export: str) -> None:
    _add("zoe-2", "zo\u00eb")
    for command in (["users", "set-timezone", ZOE, "UTC"], ["forget", "--user", ZOE, "--yes"]):
        refused = _moodlog(*command)
        assert refused.exit_code == 2
        assert "moodlog users list" in refused.stderr
    assert _moodlog("import", export, "--user", ZOE).exit_code == 2
    findings = [json.loads(line) for line in _moodlog("doctor", "--json").stdout.splitlines()]
    (finding,) = [each for each in findings if each["what"] == "names"]
    assert finding["level"] == "warning"
    assert "zoe-2" in finding["said"]
    assert "moodlog users rename" in finding["remedy"]
    assert _moodlog("forget", "--user", "zoe-2", "--yes").exit_code == 0
    assert _people() == [("local-zo\u00eb", ZOE)]


@pytest.mark.parametrize("name", [ZOE, "zoe\u0308", "local-zo\u00eb"])
def test_forgetting_somebody_again_says_when_they_were_forgotten(export: str, name: str) -> None:
    assert _moodlog("forget", "--user", ZOE, "--yes").exit_code == 0
    again = _moodlog("forget", "--user", name, "--yes", "--json")
    assert again.exit_code == 0, again.stderr
    with Workspace() as workspace:
        today = f"{workspace.now():%Y-%m-%d}"
    assert f"already forgotten on {today}" in again.stderr
    assert json.loads(again.stdout)["forgotten_before"] == today
    unknown = _moodlog("forget", "--user", "eve", "--yes")
    assert unknown.exit_code == 2
    assert "only by their ids" in unknown.stderr


def test_the_id_of_a_forgotten_person_is_not_taken_for_a_name(export: str) -> None:
    _add("31abc", "Ada")
    assert _moodlog("forget", "--user", "Ada", "--yes").exit_code == 0
    _moodlog("forget", "--user", ZOE, "--yes")
    for user_id in ("31abc", "local-zo\u00eb", "Local-ZOE\u0308"):
        for dry in ([], ["--dry-run"]):
            refused = _moodlog("import", export, "--user", user_id, *dry)
            assert refused.exit_code == 2
            assert "moodlog connect" in refused.stderr
    assert _people() == []
    assert _moodlog("import", export, "--user", ZOE.upper()).exit_code == 0
    assert _people() == [("local-zo\u00eb", ZOE.upper())]


def test_another_name_of_the_same_id_is_refused(export: str) -> None:
    refused = _moodlog("import", export, "--user", f"{ZOE}!")
    assert refused.exit_code == 2
    assert "--user local-zo\u00eb" in refused.stderr
    assert _people() == [("local-zo\u00eb", ZOE)]
