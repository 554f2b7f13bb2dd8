"""The stand-in: world, services, control API and server."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from mood_core.http.loopback import refusal
from standin import control
from standin.accounts import AccountsService, AppRegistration
from standin.application import Application
from standin.calls import CallLog
from standin.clock import Clock
from standin.faults import Faults
from standin.listeners import Listener
from standin.messages import Request, Response, json_response
from standin.music_search import Deezer, MusicBrainz
from standin.playlists import Playlist, build_playlists
from standin.reccobeats import ReccoBeats
from standin.scrobbles import Histories, LastFm, ListenBrainz
from standin.server import HttpServer
from standin.tokens import TokenOffice
from standin.web_api import RECENTLY_PLAYED_SCOPE, WebApi
from standin.world import TrueListen, World


class StandIn:
    """A stand-in for Spotify and ReccoBeats on loopback that serves in a thread.

    Use it as a context manager, or call :meth:`start` and :meth:`stop`.

    Args:
        seed: Seed of the catalogue, the listeners and their plays.
        listeners: Number of listeners.
        now: Start time of the clock (aware); None for real time.
        frozen: Whether the clock is frozen.
        port: The port on 127.0.0.1; 0 for a free one.
        latency_s: Added to every call of a service.
        audio_features: Whether the app has extended quota, so that Spotify's ``/audio-features`` and batch ``/tracks``
            work; otherwise they return 403.
        daily_quota: Calls per app and Web API endpoint in any 24 hours of the clock; None for no limit.
        rate_per_30s: Calls per app and service in any 30 real seconds; None for no limit.
        client_secret: The app's secret; None accepts any.
        redirect_uris: The app's registered redirect URIs; None accepts any on loopback.
        listens_per_day: The range of the listeners' mean number of listens a day.
        burst_share: Fraction of the days on which a listener plays about 200 tracks.
        catalogue_size: Number of tracks.
    """

    def __init__(
        self,
        *,
        seed: int = 7,
        listeners: int = 5,
        now: datetime | None = None,
        frozen: bool = False,
        port: int = 0,
        latency_s: float = 0.0,
        audio_features: bool = False,
        daily_quota: int | None = None,
        rate_per_30s: int | None = None,
        client_secret: str | None = None,
        redirect_uris: Sequence[str] | None = None,
        listens_per_day: tuple[float, float] = (20, 70),
        burst_share: float = 0.0,
        catalogue_size: int = 3000,
    ) -> None:
        self.clock = Clock(now, running=not frozen)
        self.faults = Faults(seed, self.clock.now)
        self.calls = CallLog()
        self.world = World(
            seed,
            listeners,
            catalogue_size=catalogue_size,
            listens_per_day=listens_per_day,
            burst_share=burst_share,
        )
        self.playlists: tuple[Playlist, ...] = build_playlists(seed, self.world.catalogue)
        self._tokens = TokenOffice(seed, self.clock.now_ms)
        app = AppRegistration(client_secret, None if redirect_uris is None else tuple(redirect_uris))
        self._accounts = AccountsService(self.world, self.clock, self._tokens, app)
        self.histories = Histories(self.world, self.clock)
        web_api = WebApi(self.world, self.clock, self._tokens, self.playlists, extended_quota=audio_features)
        self._application = Application(
            (
                web_api,
                self._accounts,
                ReccoBeats(self.world, self.clock),
                Deezer(self.world.catalogue),
                MusicBrainz(self.world.catalogue),
                ListenBrainz(self.histories),
                LastFm(self.histories),
            ),
            self.clock,
            self.faults,
            self.calls,
            revoke=self._tokens.revoke,
            latency_s=latency_s,
            daily_quota=daily_quota,
            rate_per_30s=rate_per_30s,
        )
        self._control = control.Control(
            world=self.world,
            clock=self.clock,
            faults=self.faults,
            calls=self.calls,
            application=self._application,
            playlists=self.playlists,
            revoke=self._tokens.revoke,
        )
        self._port = port
        self._server: HttpServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen and serve.

        Raises:
            OSError: The port is in use.
        """
        self._server = HttpServer(self._port, self._answer, self.clock.now)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="stand-in", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close every connection. Does nothing if not started."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server = self._thread = None

    @property
    def base_url(self) -> str:
        """The URL without a path. Raises RuntimeError before :meth:`start`."""
        if self._server is None:
            raise RuntimeError("the stand-in is not started")
        return self._server.base_url

    @property
    def spotify_api_url(self) -> str:
        """In place of ``https://api.spotify.com/v1``."""
        return self.base_url + WebApi.prefix

    @property
    def accounts_url(self) -> str:
        """In place of ``https://accounts.spotify.com``."""
        return self.base_url + AccountsService.prefix

    @property
    def deezer_url(self) -> str:
        """In place of ``https://api.deezer.com``."""
        return self.base_url + Deezer.prefix

    @property
    def musicbrainz_url(self) -> str:
        """In place of ``https://musicbrainz.org/ws/2``."""
        return self.base_url + MusicBrainz.prefix

    @property
    def listenbrainz_url(self) -> str:
        """In place of ``https://api.listenbrainz.org``."""
        return self.base_url + ListenBrainz.prefix

    @property
    def lastfm_url(self) -> str:
        """In place of ``https://ws.audioscrobbler.com``."""
        return self.base_url + LastFm.prefix

    @property
    def reccobeats_url(self) -> str:
        """In place of ``https://api.reccobeats.com/v1``."""
        return self.base_url + ReccoBeats.prefix

    @property
    def control_url(self) -> str:
        """The URL of the control API."""
        return self.base_url + control.PREFIX

    @property
    def listeners(self) -> list[Listener]:
        """All listeners, in order."""
        return list(self.world.listeners())

    @property
    def latency_s(self) -> float:
        """Seconds added to every call of a service."""
        return self._application.latency_s

    @latency_s.setter
    def latency_s(self, seconds: float) -> None:
        self._application.latency_s = seconds

    def truth(self, listener_id: str, start: datetime, end: datetime) -> list[TrueListen]:
        """The true listens with ``start <= played_at < end``, oldest first.

        Raises:
            KeyError: There is no such listener.
        """
        return self.world.truth(self._found(listener_id), start, end)

    def revoke(self, listener_id: str) -> None:
        """Revoke a person's consent: their tokens are invalid until they consent again."""
        self._tokens.revoke(self._found(listener_id).listener_id)

    def issue_tokens(
        self, listener_id: str, *, client_id: str = "demo", scope: str = RECENTLY_PLAYED_SCOPE, rotates: bool = True
    ) -> dict[str, Any]:
        """The token endpoint's response for a consent given now, without the authorisation flow."""
        return self._accounts.issue(self._found(listener_id), client_id, scope, rotates=rotates)

    def _found(self, listener_id: str) -> Listener:
        listener = self.world.find(listener_id)
        if listener is None:
            raise KeyError(listener_id)
        return listener

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(control.PREFIX):
            return self._controlled(request)
        return self._application.answer(request)

    def _controlled(self, request: Request) -> Response:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
        why = refusal(headers, is_get=request.method == "GET")
        return self._control.answer(request) if why is None else json_response({"error": why}, 403)
