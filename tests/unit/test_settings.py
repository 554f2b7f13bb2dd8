"""Settings: names, fall-backs, secrets, and one clear sentence for what cannot be understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from mood_core.errors import ConfigError
from mood_core.settings import load_settings


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("MOODLOG_", "SPOTIPY_")) or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path / "home"))


def test_everything_lies_in_home_by_default(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.database == f"sqlite:///{tmp_path / 'home' / 'moodlog.db'}"
    assert settings.lake == str(tmp_path / "home" / "lake")
    assert settings.feature_sources == ("catalog", "spotify", "reccobeats")


def test_moodlogs_own_names_come_before_the_common_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://common/db")
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "common")
    assert load_settings().database == "postgresql://common/db"
    assert load_settings().spotify_client_id == "common"
    monkeypatch.setenv("MOODLOG_DATABASE_URL", "postgresql://own/db")
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_ID", "own")
    assert load_settings().database == "postgresql://own/db"
    assert load_settings().spotify_client_id == "own"


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_CATALOG", "a.csv, b.parquet,")
    assert load_settings().catalog == ("a.csv", "b.parquet")


def test_dot_env_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MOODLOG_SHARDS=9\n", encoding="utf-8")
    assert load_settings().shards == 9


def test_a_misspelt_name_is_told_once_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MOODLOG_SHARD", "planted")
    (tmp_path / ".env").write_text("MOODLOG_SPOTIFY_CLIENTID=planted\nMOODLOG_SHARDS=9\nOTHER=1\n", encoding="utf-8")
    load_settings()
    load_settings()
    assert [record.getMessage() for record in caplog.records] == [
        "MOODLOG_SHARD is no setting and changes nothing; did you mean MOODLOG_SHARDS?",
        "MOODLOG_SPOTIFY_CLIENTID is no setting and changes nothing; did you mean MOODLOG_SPOTIFY_CLIENT_ID?",
    ]


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", "postgresql://ada:planted-password@host/db")
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_SECRET", "planted-secret")
    monkeypatch.setenv("MOODLOG_TOKEN_KEY", "planted-key")
    shown = repr(load_settings())
    assert "planted" not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [("MOODLOG_SHARDS", "many"), ("MOODLOG_RUNTIME", "torch"), ("MOODLOG_SPOTIFY_DAILY_BUDGET", "-1")],
)
def test_a_wrong_setting_is_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.message.startswith(f"{name} cannot be used: ")
    assert "\n" not in caught.value.message
