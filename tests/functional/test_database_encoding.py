"""A PostgreSQL database that cannot store every name is refused before anything is written."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, make_url

from flows.cli import main


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
@pytest.mark.parametrize("command", ["status", "doctor", "history", "setup --database"])
def test_another_encoding_than_utf8_is_refused_in_one_sentence(
    home: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch, encoding: str, command: str
) -> None:
    name = f"moodlog_{uuid4().hex[:12]}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        )
    url = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    monkeypatch.setenv("MOODLOG_DATABASE_URL", url)
    done = CliRunner().invoke(main, command.split())
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}")
    admin.dispose()
    said = " ".join(done.output.split())  # doctor breaks lines
    assert f"{name} has the encoding {encoding}" in said
    assert "createdb --encoding=UTF8" in said
    assert "Traceback" not in said
    assert command == "doctor" or (done.exit_code, done.stderr.count("\n")) == (78, 1), done.output
