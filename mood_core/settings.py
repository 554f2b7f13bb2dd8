"""All settings, from ``MOODLOG_*`` in the environment or ``.env`` files. Nothing else reads the environment."""

from __future__ import annotations

import logging
import os
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from mood_core.errors import ConfigError
from mood_core.files.dotenv import EnvFileSource, parsed
from mood_core.setting_names import default_home, env_files, names_in_use
from mood_core.setting_types import (
    Command,
    Folder,
    HeaderText,
    Ipv4,
    LakeUrl,
    Networks,
    Password,
    PublicUrl,
    SparkMaster,
    Url,
    UserHeader,
    Users,
    Words,
    words_of,
)
from mood_core.text.hints import did_you_mean
from mood_core.text.sanitise import plain

log = logging.getLogger(__name__)


class Settings(BaseSettings):
    """The settings. Relative paths are relative to the working directory."""

    model_config = SettingsConfigDict(
        env_prefix="MOODLOG_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    home: Folder = Field(
        default_factory=default_home,
        description="folder for the database, the lake, the token key and caches; default the platform's data folder",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="sqlite:///FILE or postgresql+psycopg://...; default HOME/moodlog.db",
    )
    read_database_url: SecretStr | None = Field(
        default=None,
        description="postgresql+psycopg://... of a [streaming replica](store.md#read-replica) for pages and reports",
    )
    read_max_lag_s: float = Field(
        default=30.0,
        gt=0,
        description="most seconds that the replica may be behind; then the main database is read",
    )
    lake_url: LakeUrl | None = Field(default=None, description="a folder or s3://bucket/prefix; default HOME/lake")

    spotify_client_id: str = Field(
        default="",
        validation_alias=AliasChoices("MOODLOG_SPOTIFY_CLIENT_ID", "SPOTIPY_CLIENT_ID"),
        description="the app's id in Spotify's developer dashboard",
    )
    spotify_client_secret: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("MOODLOG_SPOTIFY_CLIENT_SECRET", "SPOTIPY_CLIENT_SECRET"),
        description="the app's secret; optional, and without it refresh tokens rotate",
    )
    spotify_redirect_uri: str = Field(
        default="http://127.0.0.1:8888/callback",
        validation_alias=AliasChoices("MOODLOG_SPOTIFY_REDIRECT_URI", "SPOTIPY_REDIRECT_URI"),
        description="redirect URI after consent, exactly as registered for the app",
    )
    spotify_api_url: Url = Field(default="https://api.spotify.com/v1", description="URL of the Web API")
    spotify_accounts_url: Url = Field(default="https://accounts.spotify.com", description="URL of the Accounts service")
    spotify_daily_budget: int = Field(
        default=500,
        ge=0,
        description="calls a day to each Spotify endpoint; its quota is for all apps of a developer; 0: no limit",
    )
    spotify_rate_budget: int = Field(
        default=0, ge=0, description="calls in 30 s to Spotify by all workers together; 0 for no limit"
    )
    reccobeats_url: Url = Field(default="https://api.reccobeats.com/v1", description="URL of the ReccoBeats API")

    feature_sources: Annotated[Words, words_of("catalog", "spotify", "reccobeats")] = Field(
        default=("catalog", "spotify", "reccobeats"), description="sources of audio features, in order"
    )
    resolvers: Annotated[Words, words_of("spotify", "deezer", "musicbrainz", "none")] = Field(
        default=("spotify", "deezer", "musicbrainz"),
        description="services that get artists and titles to find tracks known by name only, in order; none for none",
    )
    resolver_daily_budget: int = Field(
        default=2_000, ge=0, description="calls in 24 hours to each endpoint of Deezer and MusicBrainz; 0 for no limit"
    )
    deezer_url: Url = Field(default="https://api.deezer.com", description="URL of the Deezer API")
    musicbrainz_url: Url = Field(default="https://musicbrainz.org/ws/2", description="URL of the MusicBrainz API")
    listenbrainz_url: Url = Field(default="https://api.listenbrainz.org", description="URL of the ListenBrainz API")
    lastfm_url: Url = Field(default="https://ws.audioscrobbler.com", description="URL of the Last.fm API")
    lastfm_api_key: SecretStr | None = Field(
        default=None, description="key of the Last.fm API, to pull listens from there; https://www.last.fm/api"
    )
    history_daily_budget: int = Field(
        default=5_000, ge=0, description="calls in 24 hours to each of ListenBrainz and Last.fm; 0 for no limit"
    )
    contact: HeaderText = Field(
        default="", description="your e-mail address or URL for MusicBrainz, which is not called without one"
    )
    audio_analyser: Command = Field(
        default="", description="program with arguments that estimates the features of an audio file, see `audio add`"
    )
    audio_analyser_seconds: int = Field(default=300, ge=1, description="most seconds for one audio file")
    audio_analyser_megabytes: int = Field(default=4096, ge=64, description="most memory of the audio analyser, MB")
    catalog: Words = Field(default=(), description="Parquet or CSV files or folders of audio features, by comma")
    token_key: SecretStr | None = Field(
        default=None, description="key or keys (newest first, by comma) for tokens at rest; default HOME/token.key"
    )

    model: Path | None = Field(default=None, description="a model folder; default the bundled one")
    runtime: Literal["auto", "litert", "keras"] = Field(default="auto", description="what runs the model")
    spark_master: SparkMaster = Field(
        default="local[*]", description="Apache Spark for --engine spark: local[*], local[N] or spark://host:port"
    )
    shards: int = Field(default=4, ge=1, le=256, description="tasks among which the accounts of a run are split")
    tracks_in_shard: int = Field(
        default=10_000, ge=1, description="tracks whose features a worker fetches at a time in a run with `share`"
    )

    web_public_url: PublicUrl = Field(
        default="",
        description="address at which a reverse proxy serves the live pages, see [web](web.md#reverse-proxy)",
    )
    web_host: Ipv4 = Field(default="127.0.0.1", description="IPv4 address on which the live pages listen")
    web_proxies: Networks = Field(
        default=("127.0.0.1",), description="addresses or networks from which the reverse proxy connects"
    )
    web_proxy_user: str = Field(
        default="", description="system user of a reverse proxy on this machine; default the user who runs moodlog"
    )
    web_user_header: UserHeader = Field(
        default="", description="header in which the reverse proxy sends the name of the logged-in user"
    )
    web_users: Users = Field(
        default=(), description="the person of each user in that header, as USER=PERSON; PERSON * is for all people"
    )
    web_password: Password | None = Field(
        default=None, description="password of the live pages at their public address, 12 characters or more"
    )
    web_read_only: bool = Field(default=False, description="the live pages take no answers about moods")

    import_max_bytes: int = Field(default=8 * 2**30, ge=1, description="most bytes of JSON in one import, unpacked")
    import_max_files: int = Field(default=10_000, ge=1, description="most files in one archive")
    import_max_ratio: int = Field(default=200, ge=1, description="most unpacked bytes per packed byte of a file")
    import_max_row_bytes: int = Field(default=2**20, ge=1, description="most bytes of one row of an export")
    import_max_depth: int = Field(default=16, ge=1, description="most nested folders in one archive")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's names
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then each ``.env``."""
        return (init_settings, env_settings, *(EnvFileSource(settings_cls, names) for names in env_files().values()))

    @property
    def database(self) -> str:
        """The database's URL, including its password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home / 'moodlog.db'}"

    @property
    def lake(self) -> str:
        """The lake's path or URL."""
        return self.lake_url or str(self.home / "lake")

    @property
    def token_key_file(self) -> Path:
        """The file with the keys for tokens at rest, unless ``token_key`` is set."""
        return self.home / "token.key"

    @property
    def models(self) -> Path:
        """The folder of promoted models."""
        return self.home / "models"

    @property
    def trained(self) -> Path:
        """The folder for new models of the training flow, which are not promoted yet."""
        return self.home / "trained"

    @property
    def labelled(self) -> Path:
        """The flows' default file of labelled tracks."""
        return self.home / "labelled.csv"

    @property
    def quarantine(self) -> Path:
        """The folder for quarantined responses and rows."""
        return self.home / "quarantine"

    @property
    def catalog_list(self) -> Path:
        """The list of files of ``moodlog catalog add``."""
        return self.home / "catalog.txt"

    @property
    def catalog_cache(self) -> Path:
        """The folder for conversions of CSV catalogue files to sorted Parquet."""
        return self.home / "catalog"


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        ConfigError: A setting is invalid, or others can change a ``.env``; the message names it.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = first.get("ctx", {}).get("error") or first["msg"].lower()
        name = str(first["loc"][0])
        raise ConfigError(f"{name if name.isupper() else f'MOODLOG_{name.upper()}'} is invalid: {problem}") from error
    for names in (parsed(os.environ), *env_files().values()):
        for name in map(str.upper, names):
            if name.startswith("MOODLOG_") and not name.startswith("MOODLOG_TEST_"):
                _warn_of(name)
    return settings


def other_names_in_use(settings: Settings) -> dict[str, str]:
    """Names without ``MOODLOG_`` that are set, and whether each is used.

    ``SPOTIPY_*`` are spotipy's names for an app; they are used if moodlog's own name is not set.
    ``DATABASE_URL`` usually belongs to another project and is not used.
    """
    given = names_in_use()
    found = {}
    for name in ("client_id", "client_secret", "redirect_uri"):
        if f"spotipy_{name}" in given and f"moodlog_spotify_{name}" not in given:
            found[f"SPOTIPY_{name.upper()}"] = f"is used because MOODLOG_SPOTIFY_{name.upper()} is not set"
    if given.get("database_url") and settings.database_url is None:
        found["DATABASE_URL"] = "is not used: only MOODLOG_DATABASE_URL counts"
    return found


@cache
def _warn_of(name: str) -> None:
    """Warn once about an unknown name, which may be a typo."""
    known = {f"MOODLOG_{field.upper()}" for field in Settings.model_fields}
    if name not in known:
        log.warning("%s is not a setting and is ignored.%s", plain(name), did_you_mean(name, known, most=1, cutoff=0.8))
