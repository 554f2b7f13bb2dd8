"""Creates the objects that use cases need from the settings, each when it is first used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from mood_core.app.call_limits import call_ledger
from mood_core.domain.records import Service
from mood_core.errors import ConfigError
from mood_core.files.private import make_private_folder, no_core_dumps
from mood_core.settings import Settings, load_settings, other_names_in_use
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.moves import refuse_moved
from mood_core.store.locks.named_locks import NamedLock, named_lock
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.answer_rows import AnswerRows
from mood_core.store.queries.feature_rows import FeatureRows
from mood_core.store.queries.listens import ListenStore
from mood_core.store.queries.mood_rows import MoodRows
from mood_core.store.queries.token_rows import TokenRows
from mood_core.store.quota.calls import CallLedger
from mood_core.store.upkeep.update_database import update_database
from mood_core.text.sanitise import plain

if TYPE_CHECKING:
    from mood_core.app.history_clients import HistoryClients
    from mood_core.app.home_files import HomeFiles
    from mood_core.domain.listen_window import ListenClient
    from mood_core.lake import Lake
    from mood_core.spotify.client import SpotifyClients
    from mood_core.spotify.ports import SpotifyApp
    from mood_core.spotify.tokens import TokenCipher
    from mood_core.usecases.batches import Batches

log = logging.getLogger(__name__)
Part = TypeVar("Part")


def utc_now() -> datetime:
    """The current time, aware UTC, to the millisecond as in all stored times."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _of_database(part: Callable[[Database], Part]) -> cached_property[Part]:
    """A property of :class:`Parts` that needs only the database."""
    return cached_property(lambda parts: part(parts.database))


class Parts:
    """The objects that use cases need. Use it as a context manager, which closes them.

    ``now`` returns the current time; simulations pass their own clock.
    """

    def __init__(self, settings: Settings | None = None, *, now: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings or load_settings()
        self.now = now
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @cached_property
    def database(self) -> Database:
        """The database, with its schema migrated."""
        make_home(self.settings.home)
        self._warn_of_other_name()
        database = open_database(self.settings.database)
        self._closing.callback(database.close)
        update_database(database, now=self.now())
        refuse_moved(database)
        return database

    @cached_property
    def reading(self) -> Database:
        """Where pages, reports and other readers of the views read: the read replica if there is one.

        Whatever writes, or depends on a change of another process, reads ``database``.
        """
        given = self.settings.read_database_url
        if given is None:
            return self.database
        from mood_core.store.engine.replica import ReadReplica

        most = self.settings.read_max_lag_s
        replica = ReadReplica(given.get_secret_value(), self.database, most_behind_s=most)
        self._closing.callback(replica.close)
        return replica

    def _warn_of_other_name(self) -> None:
        """Warn before a new database is created while DATABASE_URL is set, which earlier versions used."""
        is_new = self.settings.database_url is None and not (self.settings.home / "moodlog.db").exists()
        if is_new and "DATABASE_URL" in other_names_in_use(self.settings):
            home = plain(str(self.settings.home))
            log.warning("DATABASE_URL is not used: the database is in %s unless MOODLOG_DATABASE_URL is set", home)

    @cached_property
    def lake(self) -> Lake:
        """The lake."""
        from mood_core.lake import open_lake

        make_home(self.settings.home)
        return open_lake(self.settings.lake)

    @cached_property
    def batches(self) -> Batches:
        """The writer of batches to the lake and SQL."""
        from mood_core.usecases.batches import Batches

        return Batches(self.lake, self.database, self.personal_files)

    @property
    def personal_files(self) -> HomeFiles:
        """The files in HOME about people, besides lake and SQL."""
        from mood_core.app.home_files import HomeFiles

        return HomeFiles(self.settings.home, self.settings.quarantine)

    accounts = _of_database(Accounts)
    """People's accounts."""

    listens = _of_database(ListenStore)
    """Stored listens."""

    feature_rows = _of_database(FeatureRows)
    """Stored features, misses and the availability of sources."""

    mood_rows = _of_database(MoodRows)
    """Stored labels."""

    answer_rows = _of_database(AnswerRows)
    """People's answers about moods."""

    @cached_property
    def calls(self) -> CallLedger:
        """The count of calls to outside services."""
        return call_ledger(self.database, self.settings, self.now)

    @cached_property
    def tokens(self) -> TokenRows:
        """Encrypted tokens."""
        return TokenRows(self.database, now=self.now)

    @cached_property
    def spotify_app(self) -> SpotifyApp:
        """The registered app."""
        from mood_core.spotify.ports import SpotifyApp

        settings = self.settings
        if not settings.spotify_client_id.strip():
            raise ConfigError(
                "MOODLOG_SPOTIFY_CLIENT_ID is empty; create an app at https://developer.spotify.com/dashboard with the "
                f"redirect URI {settings.spotify_redirect_uri}, and write MOODLOG_SPOTIFY_CLIENT_ID=<its client id> to "
                f"{settings.home / '.env'}; without Premium, `moodlog connect --from listenbrainz NAME` and"
                " `moodlog import FILE` need no app"
            )
        return SpotifyApp(
            settings.spotify_client_id,
            settings.spotify_client_secret,
            settings.spotify_redirect_uri,
            settings.spotify_api_url,
            settings.spotify_accounts_url,
        )

    @cached_property
    def cipher(self) -> TokenCipher:
        """Encrypts tokens; its key is created in HOME on first use."""
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

    @cached_property
    def histories(self) -> HistoryClients:
        """Clients of ListenBrainz and Last.fm."""
        from mood_core.app.history_clients import HistoryClients

        clients = HistoryClients(self.settings, self.tokens, lambda: self.cipher, self.calls, self.now)
        self._closing.callback(clients.close)
        return clients

    def listen_client(self, user_id: str) -> ListenClient:
        """The client of an account, for the service that it is pulled from."""
        stored = self.tokens.read(user_id)
        service = stored.service if stored else self.accounts.service(user_id)
        if service is Service.SPOTIFY:
            return self.spotify.for_user(user_id, stored)
        return self.histories.for_user(user_id, service)

    def lock(self, what: NamedLock) -> AbstractContextManager[None]:
        """Hold the exclusive lock ``what`` of this database; see :mod:`mood_core.store.locks.named_locks`."""
        return named_lock(self.database, what)


def make_home(home: Path) -> None:
    """Create the folder of MOODLOG_HOME if it does not exist, accessible for its owner only.

    Raises:
        ConfigError: It cannot be created.
    """
    try:
        make_private_folder(home)
    except OSError as error:
        raise ConfigError(f"MOODLOG_HOME {home} cannot be created: {error.strerror}") from error


def machine_zone() -> str | None:
    """The IANA name of this machine's time zone; None if unknown."""
    from tzlocal import get_localzone_name

    try:
        return get_localzone_name() or None
    except Exception:  # noqa: BLE001 - the library passes on any error of the platform
        return None
