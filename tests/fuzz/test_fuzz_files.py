"""Small files that people and other programs write: prefect.yaml, server.json, profiles.toml, .env, lists of files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from flows.deployments import deployments_file, read_deployments
from flows.server.auth import read_or_make_password
from flows.server.local_server import local_server
from flows.server.runtime import configured_server
from mood_core.app.workspace import Workspace
from mood_core.features.catalog.file_list import read_list
from mood_core.settings import load_settings
from mood_core.spotify.tokens import Token, TokenCipher
from mood_core.usecases.models.promote_model import current_folder
from tests.contract.spotify_fakes import token
from tests.fuzz.hostile import as_json, bodies, corrupted, damaged, fuzz, one_sentence, values

_YAML = deployments_file().read_bytes()
_DEPLOYMENTS = yaml.safe_load(_YAML)


@given(data=damaged(_YAML) | corrupted(_DEPLOYMENTS).map(as_json) | st.binary(max_size=60))
@example(b"deployments: !!python/object/apply:os.system ['touch canary']")
@example(b"a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a]\ndeployments: [*b, *b, *b]")
@example(b"deployments: [" * 5000)
@fuzz(60)
def test_any_prefect_yaml(home: Path, data: bytes) -> None:
    (file := home.parent / "prefect.yaml").write_bytes(data)
    with one_sentence():
        for deployment in read_deployments(file):
            assert isinstance(deployment.name, str)
            assert isinstance(deployment.entrypoint, str)
    assert not (home.parent / "canary").exists()


@given(data=bodies({"api_url": "http://127.0.0.1:9/api", "owner": "x"}))
@fuzz(30)
def test_any_note_of_a_running_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """What somebody wrote there is never taken for a server of ours that is elsewhere."""
    monkeypatch.setattr("flows.server.local_server._start", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    read_or_make_password(tmp_path)
    (tmp_path / "server.json").write_bytes(data)
    with pytest.raises(KeyboardInterrupt), local_server(tmp_path):
        pass


@given(
    data=st.binary(max_size=80) | st.sampled_from([b"active = 7", b"[profiles]\nx=1\n", b"active='a'\n[profiles.a]\n"])
)
@fuzz(40)
def test_any_prefect_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (tmp_path / "profiles.toml").write_bytes(data)
    configured_server()


@given(data=st.binary(max_size=80) | st.text(max_size=80).map(lambda t: t.encode("utf-8", "surrogatepass")))
@example(b"MOODLOG_SHARDS='")
@example(b"\xff\xfe")
@example(b"MOODLOG_SHARDS=\0")
@fuzz(40)
def test_any_dot_env_list_pointer_and_key_file(home: Path, data: bytes) -> None:
    (home / "models").mkdir(parents=True, exist_ok=True)
    for path in (home.parent / ".env", home / "catalog.txt", home / "models" / "current", home / "token.key"):
        path.write_bytes(data)
    with one_sentence():
        load_settings()
    with one_sentence():
        read_list(home / "catalog.txt")
    with one_sentence():
        assert (folder := current_folder(home / "models")) is None or folder.is_relative_to(home / "models")
    (home.parent / ".env").unlink()
    with one_sentence(), Workspace() as workspace:
        assert workspace.cipher is not None


@given(plaintext=bodies(json.loads(token().to_json())) | values.map(as_json))
@fuzz(60)
def test_any_stored_token(plaintext: bytes) -> None:
    cipher = TokenCipher([TokenCipher.generate_key()])
    for ciphertext in (cipher.encrypt(plaintext), plaintext):
        with one_sentence():
            assert Token.from_json(cipher.decrypt(ciphertext)).access_token is not None
