"""Client of the Spotify Web API for one account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, TypeVar

import spotipy

from mood_core.domain.listen_window import ListenWindow, SkippedItem
from mood_core.domain.records import StoredToken, Track
from mood_core.domain.spotify_ids import is_safe_id
from mood_core.errors import AccessDenied, InputError, NotFound, ReauthorisationNeeded
from mood_core.http.call_ledger import CallLedger, NullCallLedger
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import AccountTokens, FixedToken
from mood_core.spotify.payloads import (
    WINDOW_SIZE,
    PlaylistPage,
    Profile,
    parse_audio_features,
    parse_playlist_page,
    parse_profile,
    parse_search,
    parse_track,
    parse_window,
)
from mood_core.spotify.ports import SpotifyApp, TokenRepository
from mood_core.spotify.session import Pool, accounts_pool, api_pool
from mood_core.spotify.token_service import TokenService
from mood_core.spotify.tokens import Token, TokenCipher

FEATURES_PER_CALL = 100
_PLAYLIST_PAGE = 50
_SEARCH_RESULTS = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SpotifyClient:
    """The Web API for one account; not thread-safe. Made by :class:`SpotifyClients`.

    Every method raises:
        RateLimited, Unavailable: still after all retries.
        QuotaExceeded: the daily quota is used up; raised without waiting.
        ReauthorisationNeeded: the permission has expired, or Spotify rejects even a fresh access token.
        AccessDenied: the app, or this account in it, has no access.
        UnexpectedPayload: the response violates its contract.
        ConfigError: the app's credentials or the token key are wrong.
    """

    _user_id: str
    _tokens: AccountTokens | FixedToken
    _pool: Pool[spotipy.Spotify]
    _retry: RetryPolicy

    def profile(self) -> Profile:
        """The profile of the account."""
        return parse_profile(self._ask(lambda api: api.me()))

    def recently_played(self) -> ListenWindow:
        """The whole window of 50 recent listens, without a cursor, because listens can appear hours late."""
        payload = self._ask(lambda api: api.current_user_recently_played(limit=WINDOW_SIZE))
        return parse_window(payload, self._user_id)

    def audio_features(self, track_ids: Sequence[str]) -> list[dict[str, object] | None]:
        """Spotify's audio features of at most 100 tracks, in the same order; None for a track without features.

        Raises:
            InputError: too many ids, or an invalid track id.
            AccessDenied: this app has no access to audio features, like most apps.
        """
        if len(track_ids) > FEATURES_PER_CALL:
            raise InputError(f"Spotify returns the features of at most {FEATURES_PER_CALL} tracks per call.")
        ids = [_checked(track_id, "track") for track_id in track_ids]
        if not ids:
            return []
        return parse_audio_features(self._ask(lambda api: {"audio_features": api.audio_features(ids)}), ids)

    def track(self, track_id: str) -> Track | None:
        """A track by its id, None if Spotify does not know it.

        Raises:
            InputError: the track id is invalid.
        """
        known = _checked(track_id, "track")
        try:
            return parse_track(self._ask(lambda api: api.track(known)))
        except NotFound:
            return None

    def search_tracks(self, artist: str, title: str) -> list[Track]:
        """At most 10 tracks that Spotify finds by artist and title, in its order; wrong ones are possible."""
        query = " ".join(f'{field}:"{_unquoted(text)}"' for field, text in (("track", title), ("artist", artist)))
        return parse_search(self._ask(lambda api: api.search(query, limit=_SEARCH_RESULTS, type="track")))

    def playlist_items(self, playlist_id: str) -> Iterator[Track | SkippedItem]:
        """The items of a playlist in order; episodes and unreadable items as :class:`SkippedItem`.

        Since 2026-02, apps in development mode only see playlists that the person owns or collaborates on.

        Raises:
            InputError: the playlist id is invalid.
            NotFound: the playlist does not exist.
        """
        return self._playlist_entries(_checked(playlist_id, "playlist"))

    def _playlist_entries(self, playlist_id: str) -> Iterator[Track | SkippedItem]:
        page = self._first_page(playlist_id)
        while True:
            yield from page.entries
            if page.next_offset is None:
                return
            page = self._page(playlist_id, page.endpoint, page.next_offset)

    def _first_page(self, playlist_id: str) -> PlaylistPage:
        try:
            return self._page(playlist_id, "items", 0)
        except (AccessDenied, NotFound):
            return self._page(playlist_id, "tracks", 0)  # the name before 2026, which some servers still use

    def _page(self, playlist_id: str, endpoint: str, offset: int) -> PlaylistPage:
        """A page by its offset. The URL in ``next`` is not followed: it may belong to another server."""
        path = (
            f"playlists/{playlist_id}/{endpoint}?limit={_PLAYLIST_PAGE}&offset={offset}&additional_types=track,episode"
        )
        return parse_playlist_page(self._ask(lambda api: api.next({"next": f"{api.prefix}{path}"})), endpoint, offset)

    def _ask(self, request: Callable[[spotipy.Spotify], T]) -> T:
        """Run ``request`` with a valid access token, which is renewed once if Spotify rejects it."""
        token = self._tokens.access_token()
        try:
            return self._ask_with(token, request)
        except ReauthorisationNeeded:
            return self._ask_with(self._tokens.renewed(rejected=token), request)

    def _ask_with(self, token: str, request: Callable[[spotipy.Spotify], T]) -> T:
        def once() -> T:
            with self._pool.borrow() as api:
                api.set_auth(token)
                return request(api)

        return self._retry.run(once)


class SpotifyClients:
    """Makes clients that share connections. Thread-safe; use one per process.

    Args:
        app: the registered app.
        repository: stores the accounts' tokens.
        cipher: encrypts them.
        ledger: counts every request and refuses requests beyond the quota.
        retry: the retry policy; its ``sleep`` is used for all waits.
        clock: this machine's time, aware UTC.
    """

    def __init__(
        self,
        app: SpotifyApp,
        repository: TokenRepository,
        cipher: TokenCipher,
        *,
        ledger: CallLedger | None = None,
        retry: RetryPolicy | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        ledger = ledger if ledger is not None else NullCallLedger()
        self._repository = repository
        self._cipher = cipher
        self._issuer = app.issuer
        self._retry = retry if retry is not None else RetryPolicy()
        self._clock = clock
        self._pool = api_pool(app, ledger)
        self._accounts = accounts_pool(app, ledger)
        self.token_service = TokenService(self._accounts, self._retry, clock)

    def for_user(self, user_id: str, stored: StoredToken | None = None) -> SpotifyClient:
        """A client of an account with a stored token; ``stored`` if it was just read."""
        return SpotifyClient(user_id, self._tokens_of(user_id, stored), self._pool, self._retry)

    def try_permission(self, user_id: str) -> None:
        """Refresh the stored token of the account. If Spotify accepts it, the account is active again.

        Raises:
            ReauthorisationNeeded: Spotify rejects it.
            ConfigError: the app's credentials, its URLs or the token key are wrong.
            SourceError: Spotify failed in another way.
            StoreError: the repository failed.
        """
        self._tokens_of(user_id).refresh_now()

    def check_token(self, user_id: str) -> None:
        """Check that the stored token of the account can be decrypted and belongs to the app's services.

        Raises:
            ConfigError: it does not.
            ReauthorisationNeeded: the account has no token.
        """
        self._tokens_of(user_id).check_stored()

    def _tokens_of(self, user_id: str, stored: StoredToken | None = None) -> AccountTokens:
        return AccountTokens(
            user_id,
            self._repository,
            self._cipher,
            self.token_service,
            issuer=self._issuer,
            retry=self._retry,
            clock=self._clock,
            stored=stored,
        )

    def for_token(self, token: Token) -> SpotifyClient:
        """A client with a token that is not stored yet, to read the profile of an account that is being connected."""
        return SpotifyClient("", FixedToken(token), self._pool, self._retry)

    def close(self) -> None:
        """Close the open connections."""
        self._pool.close()
        self._accounts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unquoted(text: str) -> str:
    return " ".join(text.replace('"', " ").split())


def _checked(identifier: str, kind: str) -> str:
    """Return a valid id. spotipy also accepts URIs and URLs, which callers must not pass."""
    if not is_safe_id(identifier):
        raise InputError(f"{identifier!r} is not a Spotify {kind} id; give an id of letters and digits only.")
    return identifier
