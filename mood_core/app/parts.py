"""Builds what the use cases work with from the settings. Each part is made when it is first needed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, Self, TypeVar

from mood_core.errors import ConfigError, ReauthorisationNeeded
from mood_core.files.private import make_private_folder, no_core_dumps
from mood_core.settings import Settings, load_settings, other_names_in_use
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.engine.moves import refuse_moved
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.listens import ListenStore
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.queries.token_rows import TokenRows
from mood_core.store.quota.calls import CallLedger
from mood_core.store.quota.rate_budget import RateBudget
from mood_core.text.sanitise import plain

if TYPE_CHECKING:
    from mood_core.app.traces import Traces
    from mood_core.classifier import Classifier
    from mood_core.classifier.model_card import ModelCard
    from mood_core.features.source import FeatureSource
    from mood_core.lake import Lake
    from mood_core.resolvers.resolver import TrackResolver
    from mood_core.spotify.client import SpotifyClient, SpotifyClients
    from mood_core.spotify.ports import SpotifyApp
    from mood_core.spotify.tokens import TokenCipher
    from mood_core.usecases.batches import Batches

log = logging.getLogger(__name__)

_BUDGETED = ("me", "me/player/recently-played", "audio-features", "tracks/{id}", "playlists/{id}/items", "search")
_PACED = (*_BUDGETED, "playlists/{id}/tracks")
_DEEZER, _MUSICBRAINZ = RateBudget("deezer", 50, span_s=5.0), RateBudget("musicbrainz", 10, span_s=10.0, burst=1)
_RESOLVING = {"deezer/search": _DEEZER, "deezer/track/{id}": _DEEZER, "musicbrainz/recording": _MUSICBRAINZ}

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def utc_now() -> datetime:
    """This moment, aware UTC, to the millisecond that all of moodlog keeps."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Parts:
    """What the use cases work with. Use it as a context manager: it closes what it opened.

    ``now`` gives the current time; simulations pass a clock of their own.
    """

    def __init__(self, settings: Settings | None = None, *, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings or load_settings()
        self.now = now
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @cached_property
    def database(self) -> Database:
        """The database, brought to this moodlog's schema."""
        make_home(self.settings.home)
        self._tell_of_another_name()
        database = open_database(self.settings.database)
        self._closing.callback(database.close)
        migrate(database, now=self.now())
        refuse_moved(database)
        return database

    def _tell_of_another_name(self) -> None:
        """Earlier versions used DATABASE_URL: say that it does not count where a new database would be made instead."""
        is_new = self.settings.database_url is None and not (self.settings.home / "moodlog.db").exists()
        if is_new and "DATABASE_URL" in other_names_in_use(self.settings):
            log.warning(
                "DATABASE_URL is set and not used; moodlog makes a database in %s. To use another one, set "
                "MOODLOG_DATABASE_URL",
                plain(str(self.settings.home)),
            )

    @cached_property
    def lake(self) -> Lake:
        """The lake."""
        from mood_core.lake import open_lake

        make_home(self.settings.home)
        return open_lake(self.settings.lake)

    @cached_property
    def batches(self) -> Batches:
        """Writes batches to the lake and SQL."""
        from mood_core.usecases.batches import Batches

        return Batches(self.lake, self.database, self.elsewhere)

    @property
    def elsewhere(self) -> Traces:
        """What HOME holds of people beside lake and SQL."""
        from mood_core.app.traces import Traces

        return Traces(self.settings.home, self.settings.quarantine)

    @cached_property
    def accounts(self) -> Accounts:
        """People's accounts."""
        return Accounts(self.database)

    @cached_property
    def listens(self) -> ListenStore:
        """Stored listens."""
        return ListenStore(self.database)

    @cached_property
    def feature_rows(self) -> FeatureRows:
        """Stored features, misses and the availability of sources."""
        return FeatureRows(self.database)

    @cached_property
    def mood_rows(self) -> MoodRows:
        """Stored labels."""
        return MoodRows(self.database)

    @cached_property
    def calls(self) -> CallLedger:
        """The count of calls to outside services."""
        settings = self.settings
        budget = dict.fromkeys(_BUDGETED, settings.spotify_daily_budget)
        budget |= dict.fromkeys(_RESOLVING, settings.resolver_daily_budget)
        rates = dict(_RESOLVING)
        if settings.spotify_rate_budget:
            rates |= dict.fromkeys(_PACED, RateBudget("spotify", settings.spotify_rate_budget))
        return CallLedger(
            self.database,
            now=self.now,
            budget={endpoint: calls for endpoint, calls in budget.items() if calls},
            paced=_PACED,
            rates=rates,
        )

    @cached_property
    def tokens(self) -> TokenRows:
        """Encrypted tokens."""
        return TokenRows(self.database, now=self.now)

    @cached_property
    def spotify_app(self) -> SpotifyApp:
        """The registered app."""
        from mood_core.spotify.ports import SpotifyApp

        settings = self.settings
        return SpotifyApp(
            settings.spotify_client_id,
            settings.spotify_client_secret,
            settings.spotify_redirect_uri,
            settings.spotify_api_url,
            settings.spotify_accounts_url,
        )

    @cached_property
    def cipher(self) -> TokenCipher:
        """Encrypts tokens; its key is made in HOME when there is none."""
        from mood_core.spotify.key_file import read_or_make_keys
        from mood_core.spotify.tokens import TokenCipher

        no_core_dumps()
        given = self.settings.token_key
        if given is not None:
            return TokenCipher([key.strip() for key in given.get_secret_value().split(",") if key.strip()])
        file = self.settings.token_key_file
        make_home(file.parent)
        return TokenCipher(read_or_make_keys(file, TokenCipher.generate_key))

    @cached_property
    def spotify(self) -> SpotifyClients:
        """Clients of the connected accounts."""
        from mood_core.spotify.client import SpotifyClients

        clients = SpotifyClients(self.spotify_app, self.tokens, self.cipher, ledger=self.calls, clock=self.now)
        self._closing.callback(clients.close)
        return clients

    def lock(self, what: NamedLock) -> AbstractContextManager[None]:
        """Be the only process that does ``what`` on this database; see :mod:`mood_core.store.locks.named_locks`."""
        return named_lock(self.database, what)

    @property
    def model_folder(self) -> Path:
        """Where the model lies: the one that is set, else the one that was promoted last, else the bundled one."""
        from mood_core.classifier import bundled_folder
        from mood_core.usecases.models.promote_model import current_folder

        return self.settings.model or current_folder(self.settings.models) or bundled_folder()

    @cached_property
    def model_card(self) -> ModelCard:
        """The model's card: what it is called and what it can do, without loading it."""
        from mood_core.classifier.model_card import read_card

        return read_card(self.model_folder)

    def classifier(self) -> Classifier:
        """Load the model, checked against its card."""
        from mood_core.classifier import load_classifier

        return load_classifier(self.model_folder, self.settings.runtime)

    def feature_sources(self) -> tuple[FeatureSource, ...]:
        """The chain of feature sources, in the order of ``MOODLOG_FEATURE_SOURCES``."""
        from mood_core.features.catalog.file_list import read_list
        from mood_core.features.reccobeats.client import ReccoBeatsClient
        from mood_core.features.registry import SourceParts, build_sources

        reccobeats = ReccoBeatsClient(self.settings.reccobeats_url, ledger=self.calls)
        self._closing.callback(reccobeats.close)
        parts = SourceParts(
            catalog=(*self.settings.catalog, *read_list(self.settings.catalog_list)),
            catalog_cache=self.settings.catalog_cache,
            catalog_progress=_told_now_and_then(),
            spotify=self._by_any_account(lambda client: client.audio_features),
            reccobeats=reccobeats,
            need_durations=any(f.name == "duration_ms" and not f.may_be_missing for f in self.model_card.features),
        )
        return build_sources(self.settings.feature_sources, parts)

    def resolvers(self) -> tuple[TrackResolver, ...]:
        """The chain of resolvers, in the order of ``MOODLOG_RESOLVERS``."""
        from mood_core.http.json_service import JsonService
        from mood_core.resolvers.musicbrainz import agent
        from mood_core.resolvers.registry import ResolverParts, build_resolvers

        settings = self.settings
        deezer = JsonService("Deezer", settings.deezer_url, "MOODLOG_DEEZER_URL", ledger=self.calls)
        musicbrainz = JsonService(
            "MusicBrainz",
            settings.musicbrainz_url,
            "MOODLOG_MUSICBRAINZ_URL",
            ledger=self.calls,
            agent=agent(settings.contact),
        )
        for service in (deezer, musicbrainz):
            self._closing.callback(service.close)
        search = self._by_any_account(lambda client: client.search_tracks)
        parts = ResolverParts(search, deezer, musicbrainz if settings.contact else None)
        return build_resolvers(settings.resolvers, parts)

    def _by_any_account(
        self, method: Callable[[SpotifyClient], Callable[Asked, Answer]]
    ) -> Callable[Asked, Answer] | None:
        """A method of Spotify's client, called for the first account whose permission holds; None without accounts."""
        active = [account.user_id for account in self.accounts.all() if account.state == "active"]

        def ask(*args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
            for user_id in active[:-1]:
                with contextlib.suppress(ReauthorisationNeeded):
                    return method(self.spotify.for_user(user_id))(*args, **kwargs)
            return method(self.spotify.for_user(active[-1]))(*args, **kwargs)

        return ask if active else None


def _told_now_and_then() -> Callable[[str, float], None]:
    """Logs every tenth of the conversion of a catalogue file, which takes seconds for a million rows."""
    told: dict[str, int] = {}

    def tell(file: str, share: float) -> None:
        if int(share * 10) > told.get(file, 0):
            told[file] = int(share * 10)
            log.info("converting %s: %d %%", file, told[file] * 10)

    return tell


def make_home(home: Path) -> None:
    """Make the folder of MOODLOG_HOME where it is absent, for its owner's eyes alone.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        make_private_folder(home)
    except OSError as error:
        raise ConfigError(f"MOODLOG_HOME {home} cannot be made: {error.strerror}") from error
