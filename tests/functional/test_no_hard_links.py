"""A disk without hard links, as memory sticks and some shared folders are: everything works there as well."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import CliRunner

from flows.cli import main
from standin import StandIn
from tests.nights import connect_listeners, contents, one_night, point_at, workspace_of


def _no_link(*_: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_night_an_export_and_a_backup_on_a_disk_without_hard_links(
    standin: StandIn, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_at(standin, monkeypatch)
    monkeypatch.setattr(os, "link", _no_link)
    with workspace_of(standin) as workspace:
        user, *_ = connect_listeners(workspace, standin)
        one_night(workspace)
        before = contents(workspace)
    zipped = tmp_path / "mine.zip"
    assert CliRunner().invoke(main, ["export", "--user", user, "--output", str(zipped)]).exit_code == 0
    with ZipFile(zipped) as content:
        assert json.loads(content.read("listens.json"))
    taken = zipped.read_bytes()
    assert CliRunner().invoke(main, ["export", "--user", user, "--output", str(zipped)]).exit_code == 2
    assert zipped.read_bytes() == taken, "nothing is ever replaced"
    (tmp_path / "backup").mkdir()
    saved = CliRunner().invoke(main, ["backup", str(tmp_path / "backup")])
    assert saved.exit_code == 0, saved.output
    assert CliRunner().invoke(main, ["verify", "--deep"]).exit_code == 0
    with workspace_of(standin) as workspace:
        assert contents(workspace) == before
    for file in (home / "moodlog.db", home / "token.key", zipped):
        assert file.stat().st_mode & 0o077 == 0
    assert not list(home.rglob(".*.draft"))
