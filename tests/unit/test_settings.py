"""Settings: names, fall-backs, secrets, and one clear sentence for what cannot be understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from mood_core.errors import ConfigError
from mood_core.features.registry import SOURCES
from mood_core.resolvers.registry import RESOLVERS
from mood_core.settings import load_settings, other_names_in_use
from mood_core.spotify.callback import check_redirect_uri


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in list(os.environ):
        if name.startswith(("MOODLOG_", "SPOTIPY_")) or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOODLOG_HOME", str(tmp_path / "home"))


def test_everything_is_in_home_by_default(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.database == f"sqlite:///{tmp_path / 'home' / 'moodlog.db'}"
    assert settings.lake == str(tmp_path / "home" / "lake")
    assert settings.feature_sources == ("catalog", "spotify", "reccobeats")


def test_moodlogs_own_names_come_before_the_common_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIPY_CLIENT_ID", "common")
    assert load_settings().spotify_client_id == "common"
    assert list(other_names_in_use(load_settings())) == ["SPOTIPY_CLIENT_ID"]
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_ID", "own")
    assert load_settings().spotify_client_id == "own"
    assert other_names_in_use(load_settings()) == {}


@pytest.mark.parametrize("place", ["environment", ".env", "HOME/.env"])
def test_the_database_of_another_project_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    if place == "environment":
        monkeypatch.setenv("DATABASE_URL", "postgresql://theirs/db")
    else:
        (tmp_path / "home").mkdir(mode=0o700)
        file = tmp_path / place.replace("HOME", "home")
        file.write_text("DATABASE_URL=postgresql://theirs/db\n", encoding="utf-8")
    settings = load_settings()
    assert settings.database == f"sqlite:///{tmp_path / 'home' / 'moodlog.db'}"
    assert "MOODLOG_DATABASE_URL" in other_names_in_use(settings)["DATABASE_URL"]
    monkeypatch.setenv("MOODLOG_DATABASE_URL", "postgresql://own/db")
    assert load_settings().database == "postgresql://own/db"
    assert other_names_in_use(load_settings()) == {}


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_CATALOG", "a.csv, b.parquet,")
    assert load_settings().catalog == ("a.csv", "b.parquet")


@pytest.mark.parametrize(
    ("name", "possible"), [("MOODLOG_FEATURE_SOURCES", [*SOURCES]), ("MOODLOG_RESOLVERS", [*RESOLVERS, "none"])]
)
def test_a_list_of_services_names_the_possible_ones(
    monkeypatch: pytest.MonkeyPatch, name: str, possible: list[str]
) -> None:
    monkeypatch.setenv(name, ",".join(possible).title())
    assert getattr(load_settings(), name.removeprefix("MOODLOG_").lower()) == tuple(possible)
    monkeypatch.setenv(name, f"{possible[0]},foo")
    with pytest.raises(ConfigError, match=f"{name} is invalid: foo is unknown; choose from {', '.join(possible)}"):
        load_settings()


def test_dot_env_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MOODLOG_SHARDS=9\n", encoding="utf-8")
    assert load_settings().shards == 9


def test_the_environment_comes_before_the_folder_and_that_before_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / ".env").write_text("MOODLOG_SHARDS=7\nMOODLOG_LAKE_URL=home\nMOODLOG_RUNTIME=keras\n")
    assert load_settings().shards == 7
    (tmp_path / ".env").write_text("MOODLOG_SHARDS=8\nMOODLOG_LAKE_URL=here\n")
    assert (load_settings().shards, load_settings().lake, load_settings().runtime) == (8, "here", "keras")
    monkeypatch.setenv("MOODLOG_SHARDS", "9")
    assert (load_settings().shards, load_settings().lake) == (9, "here")


def test_the_folder_may_name_a_home_and_its_settings_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOODLOG_HOME")
    (tmp_path / "there").mkdir(mode=0o700)
    (tmp_path / "there" / ".env").write_text("MOODLOG_SHARDS=7\nMOODLOG_HOME=elsewhere\n")
    (tmp_path / ".env").write_text("MOODLOG_HOME=there\n")
    assert (load_settings().home, load_settings().shards) == (tmp_path / "there", 7)


def test_a_home_that_names_another_home_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / ".env").write_text("MOODLOG_HOME=elsewhere\n")
    assert load_settings().home == tmp_path / "home"
    assert "MOODLOG_HOME" in caplog.text


@pytest.mark.parametrize("name", ["MOODLOG_SPOTIFY_API_URL", "MOODLOG_SPOTIFY_ACCOUNTS_URL", "MOODLOG_RECCOBEATS_URL"])
def test_an_address_that_gets_secrets_is_https_or_this_machine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for good in (
        "https://x.example/v1",
        "http://127.0.0.1:1/v1",
        "http://127.9.9.9",
        "http://[::1]:1",
        "http://localhost",
    ):
        monkeypatch.setenv(name, good)
        load_settings()
    for bad in (
        "http://x.example",
        "http://127.0.0.1.x.example",
        "http://127.0.0.1@x.example",
        "http://x.example\\@127.0.0.1/",
        "http://localhost.x.example",
        "http://0.0.0.0",
        "HTTP://x.example",
        "ftp://127.0.0.1",
        "//127.0.0.1",
        "https:// x.example",
        "https://",
    ):
        monkeypatch.setenv(name, bad)
        with pytest.raises(ConfigError, match=f"{name} is invalid"):
            load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MOODLOG_SPOTIFY_API_URL", "https://ada:planted@x.example/v1"),
        ("MOODLOG_SPOTIFY_ACCOUNTS_URL", "https://ada:planted@x.example"),
        ("MOODLOG_SPOTIFY_ACCOUNTS_URL", "http://planted@127.0.0.1:9"),
        ("MOODLOG_RECCOBEATS_URL", "https://:planted@x.example?a=b"),
        ("MOODLOG_LAKE_URL", "s3://AKIA:planted@bucket/moods"),
    ],
)
def test_an_address_with_a_login_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"{name} is invalid: it must") as caught:
        load_settings()
    assert "planted" not in caught.value.message


def test_a_redirect_uri_with_a_login_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="MOODLOG_SPOTIFY_REDIRECT_URI") as caught:
        check_redirect_uri("http://ada:planted@127.0.0.1:8888/callback")
    assert "planted" not in caught.value.message


def test_a_misspelt_name_is_reported_once_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MOODLOG_SHARD", "planted")
    (tmp_path / ".env").write_text("MOODLOG_SPOTIFY_CLIENTID=planted\nMOODLOG_SHARDS=9\nOTHER=1\n", encoding="utf-8")
    load_settings()
    load_settings()
    assert [record.getMessage() for record in caplog.records] == [
        "MOODLOG_SHARD is not a setting and is ignored. Did you mean MOODLOG_SHARDS?",
        "MOODLOG_SPOTIFY_CLIENTID is not a setting and is ignored. Did you mean MOODLOG_SPOTIFY_CLIENT_ID?",
    ]


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODLOG_DATABASE_URL", "postgresql://ada:planted-password@host/db")
    monkeypatch.setenv("MOODLOG_SPOTIFY_CLIENT_SECRET", "planted-secret")
    monkeypatch.setenv("MOODLOG_TOKEN_KEY", "planted-key")
    monkeypatch.setenv("MOODLOG_READ_DATABASE_URL", "postgresql://ada:planted-password@replica/db")
    shown = repr(load_settings())
    assert "planted" not in shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MOODLOG_SHARDS", "many"),
        ("MOODLOG_RUNTIME", "torch"),
        ("MOODLOG_SPOTIFY_DAILY_BUDGET", "-1"),
        ("MOODLOG_SPARK_MASTER", "local[two]"),
        ("MOODLOG_SPARK_MASTER", "host:7077"),
        ("MOODLOG_AUDIO_ANALYSER", "python 'analyse.py"),
        ("MOODLOG_WEB_HOST", "localhost"),
        ("MOODLOG_WEB_PUBLIC_URL", "https://example.org/moods"),
        ("MOODLOG_WEB_PROXIES", "proxy.example.org"),
        ("MOODLOG_WEB_USER_HEADER", "Remote User"),
        ("MOODLOG_WEB_USERS", "ada"),
        ("MOODLOG_WEB_PASSWORD", "short"),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.message.startswith(f"{name} is invalid: ")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("master", ["local", "local[*]", "local[2]", "local[2,4]", "spark://host:7077", "yarn"])
def test_a_master_of_spark_has_one_of_its_forms(monkeypatch: pytest.MonkeyPatch, master: str) -> None:
    monkeypatch.setenv("MOODLOG_SPARK_MASTER", master)
    assert load_settings().spark_master == master
