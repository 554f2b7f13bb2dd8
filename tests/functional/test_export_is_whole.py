"""``moodlog export`` holds all that SQL, the lake and the quarantine keep of a person, by the schema's own list."""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from flows.cli import main
from mood_core.lake.schema import PERSONAL
from mood_core.store import Database
from mood_core.store.engine.sql_files import sql_file
from mood_core.store.engine.tables import tables
from mood_core.store.queries.person_export import NOT_EXPORTED, PART_OF
from mood_core.usecases.people.manage_users import change_user
from standin import StandIn
from tests.conftest import NOW
from tests.exports import extended
from tests.nights import connect_listeners, settings_for, workspace_of

pytestmark = pytest.mark.partitions

NAMED_OTHERWISE = {
    "user_key": "user_id",
    "track_key": "track_id",
    "source_key": "listen_source",
    "reason_key": "reason_end",
}


def test_every_column_about_people_is_exported_or_left_out_for_a_reason(migrated: Database) -> None:
    with migrated.read() as connection:
        stored = tables(connection)
        parts = {
            part: set(connection.execute(text(sql_file("export", part).text), {"id": "nobody"}).keys())
            for part in PART_OF.values()
        }
    personal = {name for name, columns in stored.items() if "user_key" in columns}
    columns = {(table, column) for table in personal - NOT_EXPORTED.keys() for column in stored[table]}
    left_out = {
        f"{table}.{column}"
        for table, column in columns
        if table not in PART_OF or NAMED_OTHERWISE.get(column, column) not in parts[PART_OF[table]]
    }
    assert left_out == {name for name in NOT_EXPORTED if "." in name}
    assert personal >= PART_OF.keys() | {name for name in NOT_EXPORTED if "." not in name}
    assert {dataset.name for dataset in PERSONAL} - {"users"} <= PART_OF.keys()  # of users the lake has every row


@pytest.mark.parametrize("kind", ["json", "csv", "parquet"])
def test_earlier_names_and_quarantined_rows_are_in_it(
    home: Path, standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for name, value in settings_for(standin).items():
        monkeypatch.setenv(name, value)
    with workspace_of(standin) as workspace:
        ids = connect_listeners(workspace, standin)
        account = workspace.accounts.all([ids[0]])[0]
        change_user(account, workspace.batches, now=NOW, display_name="Lovelace-Byron")
    export = tmp_path / "Streaming_History_Audio_2020_0.json"
    export.write_text(json.dumps([extended(1), extended(2) | {"ts": "odd-row"}]), encoding="utf-8")
    assert CliRunner().invoke(main, ["import", str(export), "--user", ids[0]]).exit_code == 0
    target = tmp_path / "out.zip"
    done = CliRunner().invoke(main, ["export", "--user", ids[0], "--format", kind, "--output", str(target)])
    assert done.exit_code == 0, done.output
    with ZipFile(target) as zipped:
        held = {name: zipped.read(name) for name in zipped.namelist()}
    if kind != "parquet":  # which is compressed
        assert account.display_name.encode() in held[f"earlier_names.{kind}"]
        assert b"Lovelace-Byron" in held[f"earlier_names.{kind}"]
        assert b"odd-row" in held[f"quarantined_rows.{kind}"]
        assert ids[1].encode() not in b"".join(held.values())
    assert len(held) == len(set(PART_OF.values())) + 2
