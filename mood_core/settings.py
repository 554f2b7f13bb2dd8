"""Every setting, read from ``MOODLOG_*`` in the environment or from ``.env``. Nothing else reads the environment."""

from __future__ import annotations

import logging
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
)

from mood_core.errors import ConfigError
from mood_core.plain_text import plain

log = logging.getLogger(__name__)

_Words = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """What a person can set. Relative paths are relative to the working directory."""

    model_config = SettingsConfigDict(
        env_prefix="MOODLOG_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("moodlog", appauthor=False),
        description="the folder for the database, the lake, the token key and caches",
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("MOODLOG_DATABASE_URL", "DATABASE_URL"),
        description="sqlite:///FILE or postgresql+psycopg://...; default HOME/moodlog.db",
    )
    lake_url: str | None = Field(default=None, description="a folder or s3://bucket/prefix; default HOME/lake")

    spotify_client_id: str = Field(
        default="",
        validation_alias=AliasChoices("MOODLOG_SPOTIFY_CLIENT_ID", "SPOTIPY_CLIENT_ID"),
        description="the app's id in Spotify's developer dashboard",
    )
    spotify_client_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("MOODLOG_SPOTIFY_CLIENT_SECRET", "SPOTIPY_CLIENT_SECRET"),
        description="its secret; not needed, and without it refresh tokens rotate",
    )
    spotify_redirect_uri: str = Field(
        default="http://127.0.0.1:8888/callback",
        validation_alias=AliasChoices("MOODLOG_SPOTIFY_REDIRECT_URI", "SPOTIPY_REDIRECT_URI"),
        description="where the browser goes after consent, exactly as the app registers it",
    )
    spotify_api_url: str = Field(default="https://api.spotify.com/v1", description="where the Web API is asked")
    spotify_accounts_url: str = Field(default="https://accounts.spotify.com", description="where tokens are asked for")
    spotify_daily_budget: int = Field(
        default=500, ge=0, description="calls a day to each Spotify endpoint; 0 for no limit (extended quota)"
    )
    spotify_rate_budget: int = Field(
        default=0, ge=0, description="calls in 30 seconds to Spotify by all workers together; 0: as fast as it answers"
    )
    reccobeats_url: str = Field(default="https://api.reccobeats.com/v1", description="where ReccoBeats is asked")

    feature_sources: _Words = Field(
        default=("catalog", "spotify", "reccobeats"), description="where audio features come from, in order"
    )
    catalog: _Words = Field(default=(), description="Parquet or CSV files or folders of audio features, by comma")
    token_key: SecretStr | None = Field(
        default=None, description="key or keys (newest first, by comma) for tokens at rest; default HOME/token.key"
    )

    model: Path | None = Field(default=None, description="a model folder; default the bundled one")
    runtime: Literal["auto", "litert", "keras"] = Field(default="auto", description="what runs the model")
    shards: int = Field(default=4, ge=1, le=256, description="into how many tasks the accounts of a run are split")

    import_max_bytes: int = Field(default=8 * 2**30, ge=1, description="most bytes of JSON in one import, unpacked")
    import_max_files: int = Field(default=10_000, ge=1, description="most files in one archive")
    import_max_ratio: int = Field(default=200, ge=1, description="most unpacked bytes for each packed byte of a file")
    import_max_row_bytes: int = Field(default=2**20, ge=1, description="most bytes of one row of an export")
    import_max_depth: int = Field(default=16, ge=1, description="most folders inside each other in one archive")

    @field_validator("feature_sources", "catalog", mode="before")
    @classmethod
    def _by_comma(cls, value: object) -> object:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def database(self) -> str:
        """The database's address, password included."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home / 'moodlog.db'}"

    @property
    def lake(self) -> str:
        """The lake's address."""
        return self.lake_url or str(self.home / "lake")

    @property
    def token_key_file(self) -> Path:
        """Where the keys for tokens at rest are kept, unless ``token_key`` gives them."""
        return self.home / "token.key"

    @property
    def models(self) -> Path:
        """Where promoted models are kept."""
        return self.home / "models"

    @property
    def trained(self) -> Path:
        """Where the training flow puts new models, which are not promoted yet."""
        return self.home / "trained"

    @property
    def labelled(self) -> Path:
        """Labelled tracks to train on, where no other file is named to a flow."""
        return self.home / "labelled.csv"

    @property
    def quarantine(self) -> Path:
        """Where answers and rows are kept that did not fit their contract."""
        return self.home / "quarantine"

    @property
    def catalog_list(self) -> Path:
        """Where ``moodlog catalog add`` keeps its list of files."""
        return self.home / "catalog.txt"

    @property
    def catalog_cache(self) -> Path:
        """Where catalogue files in CSV are kept as sorted Parquet."""
        return self.home / "catalog"


def ignore_env_file() -> None:
    """Read no ``.env`` from now on, in this process."""
    Settings.model_config["env_file"] = None


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        ConfigError: One of them cannot be understood; the sentence names it.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "a setting"
        name = name if name.isupper() else f"MOODLOG_{name.upper()}"
        raise ConfigError(f"{name} cannot be used: {first['msg'].lower()}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(".env cannot be read; write it in UTF-8, one MOODLOG_NAME=value a line") from error
    for source in (EnvSettingsSource(Settings), DotEnvSettingsSource(Settings)):
        for name in map(str.upper, source.env_vars):
            if name.startswith("MOODLOG_") and not name.startswith("MOODLOG_TEST_"):
                _warn_of(name)
    return settings


@cache
def _warn_of(name: str) -> None:
    """Say once of a name that is no setting, so that a slip of the pen is not silent."""
    known = {f"MOODLOG_{field.upper()}" for field in Settings.model_fields}
    if name not in known:
        like = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
        log.warning("%s is no setting and changes nothing%s", plain(name), f"; did you mean {like[0]}?" if like else "")
