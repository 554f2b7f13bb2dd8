"""Clients of ListenBrainz and Last.fm for accounts, made from the settings and the stored logins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property

import httpx

from mood_core.domain.records import SERVICE_NAMES, Service
from mood_core.errors import ConfigError, MoodlogError, ReauthorisationNeeded
from mood_core.http.addresses import origin
from mood_core.http.call_ledger import CallLedger
from mood_core.http.json_service import JsonService
from mood_core.scrobbles import lastfm, listenbrainz
from mood_core.scrobbles.lastfm import LastFmClient
from mood_core.scrobbles.listenbrainz import ListenBrainzClient
from mood_core.scrobbles.login import Login, refuse_foreign_login
from mood_core.scrobbles.window import Payload
from mood_core.settings import Settings
from mood_core.spotify.tokens import TokenCipher
from mood_core.store.queries.token_rows import TokenRows

ScrobbleClient = ListenBrainzClient | LastFmClient


class HistoryClients:
    """Makes clients that share connections; close it at the end. ``cipher`` returns the cipher of stored logins.

    ``newest_pages`` has the pages that were read when accounts were connected, by their ids, for the first pull.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: TokenRows,
        cipher: Callable[[], TokenCipher],
        ledger: CallLedger,
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._tokens, self._cipher, self._ledger, self._now = settings, tokens, cipher, ledger, now
        self.newest_pages: dict[str, Payload] = {}

    def for_user(self, user_id: str, service: Service) -> ScrobbleClient:
        """The client of an account with a stored login.

        Raises:
            ConfigError: the login cannot be decrypted or belongs to another service, or the API key is missing.
            ReauthorisationNeeded: there is no login.
        """
        login = self.login_of(user_id)
        refuse_foreign_login(user_id, login, self.url(service), f"MOODLOG_{service.value.upper()}_URL")

        def refused(reason: str) -> None:
            if (stored := self._tokens.read(user_id)) is not None:
                self._tokens.mark_reauthorisation_needed(user_id, reason, expected_version=stored.version)

        return self.for_login(user_id, service, login, refused, self.newest_pages.pop(user_id, None))

    def login_of(self, user_id: str) -> Login:
        """The stored login of an account. Raises like :meth:`for_user`."""
        stored = self._tokens.read(user_id)
        if stored is None:
            raise ReauthorisationNeeded(f"Account {user_id} has no login; run `moodlog connect`", source="moodlog")
        try:
            return Login.from_json(self._cipher().decrypt(stored.ciphertext))
        except ConfigError as error:
            raise ConfigError(
                f"The login of account {user_id} is damaged, or was encrypted with another key than MOODLOG_TOKEN_KEY; "
                f"put the old key back, or run `moodlog connect --from SERVICE NAME --user {user_id}`"
            ) from error

    def is_read_from(self, user_id: str, service: Service, name: str) -> bool:
        """Whether the account is pulled from ``name`` at ``service`` already; False if its login cannot be read."""
        try:
            login = self.login_of(user_id)
        except (ConfigError, ReauthorisationNeeded):
            return False
        return (login.origin, login.name) == (origin(self.url(service)), name)

    def for_login(
        self,
        user_id: str,
        service: Service,
        login: Login,
        refused: Callable[[str], None] = lambda _: None,
        newest: Payload | None = None,
    ) -> ScrobbleClient:
        """The client of a login that may not be stored yet. Raises like :meth:`for_user`."""
        if service is Service.LASTFM:
            return LastFmClient(user_id, login, self._lastfm, self._settings.lastfm_api_key, self._now, newest)
        return ListenBrainzClient(user_id, login, self._listenbrainz, self._now, refused, newest)

    def try_login(self, user_id: str, service: Service) -> None:
        """Use the stored login. If the service accepts it, the account is active again. Raises like a pull."""
        self.for_user(user_id, service).check()
        stored = self._tokens.read(user_id)
        if stored is not None:
            self._tokens.write(user_id, stored.ciphertext, authorised_at=self._now(), expected_version=stored.version)

    def url(self, service: Service) -> str:
        """The URL of a service."""
        return self._settings.lastfm_url if service is Service.LASTFM else self._settings.listenbrainz_url

    def close(self) -> None:
        """Close the connections."""
        for name in ("_listenbrainz", "_lastfm"):
            if name in self.__dict__:
                self.__dict__[name].close()

    @cached_property
    def _listenbrainz(self) -> JsonService:
        return self._http(Service.LISTENBRAINZ, listenbrainz.failure)

    @cached_property
    def _lastfm(self) -> JsonService:
        return self._http(Service.LASTFM, lastfm.failure)

    def _http(self, service: Service, failure: Callable[[httpx.Response], MoodlogError | None]) -> JsonService:
        setting = f"MOODLOG_{service.value.upper()}_URL"
        name = SERVICE_NAMES[service]
        return JsonService(name, self.url(service), setting, ledger=self._ledger, failure=failure)
