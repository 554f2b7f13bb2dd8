"""spotipy objects whose sessions count each request, raise moodlog's errors and do not retry.

spotipy's own retries sleep for the whole Retry-After inside the call and report an exhausted 5xx as 429. So its session
is replaced by :class:`FailFastSession`, which classifies failures from the whole response before spotipy sees them.

Threads must not share a requests session, and spotipy closes its session when it is garbage-collected. So spotipy
objects and their sessions are kept in a :class:`Pool`: a thread borrows one for a call and returns it, and a thousand
accounts use one open connection one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import requests
import spotipy
from requests.adapters import HTTPAdapter
from spotipy.cache_handler import MemoryCacheHandler

from mood_core.errors import MoodlogError, SourceError, Unavailable
from mood_core.http.addresses import is_loopback
from mood_core.http.call_ledger import CallLedger
from mood_core.http.headers import http_time
from mood_core.spotify.failures import SOURCE, ServiceResponse, api_failure, redacted, requested_wait_s, token_failure
from mood_core.spotify.ports import DEFAULT_REDIRECT_URI, SpotifyApp
from mood_core.spotify.quiet_logs import quiet_spotipy
from mood_core.spotify.reading import TIMEOUT_S, USER_AGENT, read_body

SCOPE = "user-read-recently-played"
"""The requested scope; ``/me`` needs none."""

NO_RESPONSE = 0
"""The status that the call ledger records without a complete response."""

T = TypeVar("T")
Classifier = Callable[[ServiceResponse], MoodlogError | None]

_ID_IN_PATH = re.compile(r"\b(tracks|playlists)/[^/]+")
_SECRET_FIELDS = {"refresh_token", "code", "code_verifier", "client_secret"}


class Pool(Generic[T]):
    """A pool of objects that only one thread may use at a time; makes one if none is idle."""

    def __init__(self, make: Callable[[], T], close: Callable[[T], None]) -> None:
        self._make = make
        self._close = close
        self._idle: list[T] = []
        self._lock = Lock()

    @contextmanager
    def borrow(self) -> Iterator[T]:
        """Borrow an object for the ``with`` block; the last one returned comes first: its connection is open."""
        with self._lock:
            item = self._idle.pop() if self._idle else None
        if item is None:
            item = self._make()
        try:
            yield item
        finally:
            with self._lock:
                self._idle.append(item)

    def close(self) -> None:
        """Close idle objects; the pool stays usable."""
        with self._lock:
            idle, self._idle = self._idle, []
        for item in idle:
            self._close(item)


class _Payload(dict[str, object]):
    """A response body whose repr hides its contents.

    spotipy formats it for a suppressed log at each call, which took as long as decoding. Logs must not contain listens.
    """

    def __repr__(self) -> str:
        return f"{len(self)} fields"


class FailFastSession(requests.Session):
    """A session that sends each request once, counts it, and raises moodlog's errors for every failure.

    It follows no redirects, stores no cookies and ignores ``.netrc`` files, whose credentials would replace the
    person's token.

    Attributes:
        answered_at: the Date header of the last response, aware UTC; None without one.
    """

    def __init__(self, base_url: str, classify: Classifier, ledger: CallLedger) -> None:
        super().__init__()
        self._base_path = urlsplit(base_url).path
        self._classify = classify
        self._ledger = ledger
        self.answered_at: datetime | None = None
        self.headers["User-Agent"] = USER_AGENT
        self.auth = lambda request: request  # without it, requests would read .netrc
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.trust_env = not is_loopback(base_url)  # an internet proxy cannot reach this machine
        adapter = HTTPAdapter(pool_connections=2, pool_maxsize=1, max_retries=0)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send ``request`` once.

        Raises:
            MoodlogError: the failure as classified by :mod:`mood_core.spotify.failures`.
        """
        request.url = _without_trailing_slash(str(request.url))
        endpoint = endpoint_name(request.url, self._base_path)
        kwargs |= {"allow_redirects": False, "stream": True}
        self._ledger.before_call(endpoint)
        status, wait_s = NO_RESPONSE, None
        try:
            response = super().send(request, **kwargs)
            read_body(response)
            response.encoding = "utf-8-sig"  # JSON is always UTF-8, whatever the headers say
            found = _service_response(request, response, endpoint)
            status, wait_s = found.status, requested_wait_s(found)
        except requests.RequestException as error:
            raise _no_response(request, error) from None  # its text and request may contain the token
        finally:
            self._ledger.after_call(endpoint, status, wait_s)
        self.answered_at = http_time(response.headers.get("Date"))
        failure = self._classify(found)
        if failure is not None:
            raise failure
        if found.payload is not None:
            decoded = _Payload(found.payload)
            response.json = lambda **_: decoded  # type: ignore[method-assign]
        return response


def api_pool(app: SpotifyApp, ledger: CallLedger) -> Pool[spotipy.Spotify]:
    """A pool of spotipy clients of the Web API; the borrower sets the access token."""

    def make() -> spotipy.Spotify:
        quiet_spotipy()
        session = FailFastSession(app.api_url, api_failure, ledger)
        client = spotipy.Spotify(
            requests_session=session, requests_timeout=TIMEOUT_S, retries=0, status_retries=0, backoff_factor=0
        )
        client.prefix = f"{app.api_url}/"
        client.session = session
        return client

    return Pool(make, lambda client: client.session.close())


def accounts_pool(app: SpotifyApp, ledger: CallLedger) -> Pool[spotipy.SpotifyPKCE]:
    """A pool of spotipy clients of the Accounts service; a client secret is sent as HTTP Basic."""

    def make() -> spotipy.SpotifyPKCE:
        quiet_spotipy()
        session = FailFastSession(app.accounts_url, token_failure, ledger)
        if app.client_secret is not None:
            session.auth = (app.client_id, app.client_secret.get_secret_value())
        client = spotipy.SpotifyPKCE(
            client_id=app.client_id,
            redirect_uri=app.redirect_uri or DEFAULT_REDIRECT_URI,  # without one, spotipy reads the environment
            scope=SCOPE,
            cache_handler=MemoryCacheHandler(),
            requests_session=session,
            requests_timeout=TIMEOUT_S,
            open_browser=False,
        )
        client.OAUTH_TOKEN_URL = f"{app.accounts_url}/api/token"
        client.OAUTH_AUTHORIZE_URL = f"{app.accounts_url}/authorize"
        client.session = session
        return client

    return Pool(make, lambda client: client.session.close())


def endpoint_name(url: str, base_path: str) -> str:
    """The endpoint name for the call ledger, such as ``tracks/{id}``; ``token`` for the token endpoint."""
    path = urlsplit(url).path.removeprefix(base_path).strip("/")
    return "token" if path == "api/token" else _ID_IN_PATH.sub(r"\1/{id}", path)


def _without_trailing_slash(url: str) -> str:
    """Spotipy calls ``me/`` and ``audio-features/?ids=``, which a strict server rejects."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/")))


def _service_response(request: requests.PreparedRequest, response: requests.Response, endpoint: str) -> ServiceResponse:
    headers, secrets = response.headers, _secrets_of(request)
    # An echoed access token must not be stored in a quarantined response or as a title. The token endpoint may repeat
    # a refresh token, which is then still valid.
    body = response.text if endpoint == "token" else redacted(response.text, secrets)
    return ServiceResponse(
        call=_call(request),
        status=response.status_code,
        body=body,
        headers=headers,
        secrets=secrets,
        now=http_time(headers.get("Date")) or datetime.now(UTC),
    )


def _secrets_of(request: requests.PreparedRequest) -> tuple[str, ...]:
    """The secrets of a request: the Authorization header's value and the token form's secret fields."""
    authorization = str(request.headers.get("Authorization", "")).partition(" ")[2]
    form = request.body if isinstance(request.body, str) else ""
    fields = [value for name, value in parse_qsl(form) if name in _SECRET_FIELDS]
    return tuple(secret for secret in (authorization, *fields) if secret)


def _no_response(request: requests.PreparedRequest, error: requests.RequestException) -> SourceError:
    host = urlsplit(str(request.url)).netloc.rpartition("@")[2]
    is_slow = isinstance(error, requests.Timeout)
    what = "did not respond in time" if is_slow else "could not be reached or closed the connection"
    return Unavailable(
        f"{host} {what} on {_call(request)} ({type(error).__name__}); check the network or try again later.",
        source=SOURCE,
    )


def _call(request: requests.PreparedRequest) -> str:
    return f"{request.method} {urlsplit(str(request.url)).path}"
