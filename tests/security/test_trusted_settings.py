"""Configuration is trusted by who owns it: a file that others can change is refused, wherever it is."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli import main
from flows.server.trusted_folder import refuse_untrusted_folder, refuse_untrusted_prefect_settings
from mood_core.app.workspace import Workspace
from mood_core.errors import ConfigError
from mood_core.files.trusted import distrust
from mood_core.lake.schema import USERS
from mood_core.settings import load_settings
from standin import StandIn
from tests.nights import connect_listeners, point_at, workspace_of
from tests.store_data import NOW, users

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows keeps permissions elsewhere")
as_root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can act as other users")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: of this user alone."""
    for name in list(os.environ):
        if name.startswith(("MOODLOG_", "SPOTIPY_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody can write to, as /tmp is."""
    path = Path(tempfile.mkdtemp(prefix="moodlog-shared-"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path)


def _write_as_nobody(file: Path, text: str) -> None:
    subprocess.run(["sh", "-c", 'cat > "$0"', str(file)], input=text.encode(), user="nobody", check=True)


@as_root
@pytest.mark.parametrize("command", ["run", "status", "doctor", "serve"])
def test_nobody_in_a_shared_folder_gets_no_token(
    home: Path, standin: StandIn, shared: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with monkeypatch.context() as patch:
        point_at(standin, patch)
        with workspace_of(standin) as workspace:
            connect_listeners(workspace, standin)
    with socket.create_server(("127.0.0.1", 0)) as thief:
        address = f"http://127.0.0.1:{thief.getsockname()[1]}/steal"
        _write_as_nobody(shared / ".env", f"MOODLOG_SPOTIFY_ACCOUNTS_URL={address}\nMOODLOG_SPOTIFY_CLIENT_ID=x\n")
        monkeypatch.chdir(shared)
        done = CliRunner().invoke(main, [command])
        assert done.exit_code == 78, done.output
        assert str(shared / ".env") in done.output
        assert "belongs to nobody" in done.output
        assert "not to root. " in done.output
        assert "chown" in done.output
        thief.setblocking(False)
        with pytest.raises(BlockingIOError):
            thief.accept()


@pytest.mark.parametrize("name", [".env", "HOME/.env"])
@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "remedy"),
    [(0o606, 0o700, "chmod"), (0o600, 0o777, "chmod"), (0o600, 0o1777, "folder")],
)
def test_what_others_can_write_is_refused(
    folder: Path, name: str, file_mode: int, folder_mode: int, remedy: str
) -> None:
    file = folder.parent / "home" / ".env" if name.startswith("HOME") else folder / ".env"
    file.parent.mkdir(exist_ok=True)
    file.write_text("MOODLOG_SHARDS=9\n")
    file.chmod(0o644)
    file.parent.chmod(0o755)
    assert load_settings().shards == 9
    file.chmod(file_mode)
    file.parent.chmod(folder_mode)
    with pytest.raises(ConfigError, match=remedy) as caught:
        load_settings()
    assert str(file) in caught.value.message
    assert f"{(file if file_mode != 0o600 else file.parent).stat().st_mode & 0o7777:04o}" in caught.value.message


@as_root
def test_a_link_is_judged_and_its_target_too(folder: Path, shared: Path) -> None:
    (folder / "mine").write_text("MOODLOG_SHARDS=9\n")
    (folder / ".env").symlink_to("mine")
    assert load_settings().shards == 9
    os.chown(folder / ".env", 65534, 65534, follow_symlinks=False)
    with pytest.raises(ConfigError, match="nobody"):
        load_settings()
    (folder / ".env").unlink()
    _write_as_nobody(shared / "theirs", "MOODLOG_SHARDS=9\n")
    (folder / "step").symlink_to(shared / "theirs")
    (folder / ".env").symlink_to("step")
    with pytest.raises(ConfigError, match=str(shared)):
        load_settings()


@as_root
def test_a_group_of_others_is_refused_and_a_private_one_is_not(folder: Path) -> None:
    """A private group has the owner's name and no other member: umask 002 of Debian makes such files."""
    (file := folder / ".env").write_text("MOODLOG_SHARDS=9\n")
    file.chmod(0o664)
    assert load_settings().shards == 9
    os.chown(file, 0, 65534)
    with pytest.raises(ConfigError, match="0664"):
        load_settings()


def test_a_link_to_a_device_is_no_matter_of_its_mode(folder: Path) -> None:
    (folder / ".env").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match=r"/dev/zero is a device\. Replace it by a regular file") as caught:
        load_settings()
    assert "chmod" not in caught.value.message


def test_a_pipe_a_loop_and_a_huge_file_are_refused_and_a_folder_is_none(folder: Path) -> None:
    file = folder / ".env"
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="regular file"):
        load_settings()
    file.unlink()
    file.symlink_to(".env")
    with pytest.raises(ConfigError, match="symbolic links"):
        load_settings()
    file.unlink()
    with file.open("wb") as huge:
        huge.truncate(2**31)
    with pytest.raises(ConfigError, match="1,000,000 bytes"):
        load_settings()
    file.unlink()
    file.mkdir()
    load_settings()


@as_root
def test_an_access_list_is_not_taken_for_a_private_group(folder: Path) -> None:
    (file := folder / ".env").write_text("")
    file.chmod(0o664)
    assert distrust(file) is None
    named_user = b"\x02\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + mode.to_bytes(2, "little") + who.to_bytes(4, "little")
        for tag, mode, who in (
            (1, 6, 2**32 - 1),
            (2, 6, 65534),
            (4, 4, 2**32 - 1),
            (16, 6, 2**32 - 1),
            (32, 4, 2**32 - 1),
        )
    )
    with suppress(OSError):
        os.setxattr(file, "system.posix_acl_access", named_user)  # type: ignore[attr-defined,unused-ignore]
        assert distrust(file) is not None


@as_root
@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", "PREFECT_LOGGING_SETTINGS_PATH=evil.yml"),
        ("prefect.toml", '[logging]\nconfig_path = "evil.yml"'),
        ("pyproject.toml", '[tool.prefect.logging]\nconfig_path = "evil.yml"'),
    ],
)
@pytest.mark.parametrize("command", [["run"], ["setup"], ["demo", "--home", "HOME"]])
def test_prefects_settings_of_a_shared_folder_are_refused_too(
    folder: Path, shared: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, command: list[str]
) -> None:
    """Prefect reads them in the working directory; a logging configuration can run any code."""
    with Workspace() as workspace:  # without people, the run still loads a batch of an earlier one
        workspace.lake.write(USERS, users(("ada", "UTC")), created_at=NOW)
    _write_as_nobody(shared / name, text)
    monkeypatch.chdir(shared)
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "INFO")  # prefect_runtime sets it; it is put back afterwards
    done = CliRunner().invoke(main, [str(folder) if word == "HOME" else word for word in command])
    assert done.exit_code == 78, done.output
    assert name in done.output


@as_root
def test_another_projects_pyproject_is_no_reason_to_refuse(
    folder: Path, monkeypatch: pytest.MonkeyPatch, shared: Path
) -> None:
    _write_as_nobody(shared / "pyproject.toml", "[tool.black]\nline-length = 100\n")
    monkeypatch.chdir(shared)
    refuse_untrusted_prefect_settings()
    with pytest.raises(ConfigError, match="working directory"):
        refuse_untrusted_folder()  # flow runs of `serve` would import from it
    monkeypatch.chdir(folder)
    refuse_untrusted_folder()
