"""The Spotify Accounts service: consent, tokens and refreshes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from calendar import monthrange
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from mood_core.domain.records import from_ms, to_ms
from standin.clock import Clock
from standin.consent import consent_page
from standin.listeners import Listener
from standin.messages import Request, Response, json_response
from standin.services import retry_after, route
from standin.tokens import ACCESS_LIFETIME_S, CODE_LIFETIME_S, Grant, TokenOffice
from standin.world import World

REFRESH_LIFETIME_MONTHS = 6


@dataclass(frozen=True, slots=True)
class AppRegistration:
    """The registered app. None accepts any secret or any loopback redirect URI."""

    client_secret: str | None = None
    redirect_uris: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Client:
    client_id: str
    secret: str | None


class AccountsService:
    """Serves ``/authorize`` and ``/api/token``."""

    prefix = "/accounts"
    has_daily_quota = False

    def __init__(self, world: World, clock: Clock, tokens: TokenOffice, app: AppRegistration) -> None:
        self._world = world
        self._clock = clock
        self._tokens = tokens
        self._app = app
        self.routes = (
            route("authorize", "GET", "/authorize", self.authorize),
            route("token", "POST", "/api/token", self.token),
        )

    def caller(self, request: Request) -> Listener | None:
        """The listener of the code or refresh token in the form, or of the query's ``listener``."""
        if request.method == "GET":
            return self._world.find(request.query.get("listener", ""))
        form = request.form
        grant = self._tokens.read(form.get("refresh_token", ""), "refresh") or self._tokens.read(
            form.get("code", ""), "code"
        )
        return None if grant is None else self._world.find(grant.listener)

    def client(self, request: Request) -> str:
        """The app's client id."""
        client = _client(request)
        return client.client_id if client else ""

    def error(
        self, status: int, message: str, *, reason: str | None = None, retry_after_s: int | None = None
    ) -> Response:
        """An error in the form of RFC 6749."""
        name = "invalid_client" if status in (401, 403) else "temporarily_unavailable"
        return json_response(
            {"error": reason or name, "error_description": message}, status, headers=retry_after(retry_after_s)
        )

    def authorize(self, request: Request) -> Response:
        """Show the consent page, or with ``listener=<id>`` in the query redirect at once."""
        query = request.query
        refusal = self._refusal(query)
        if refusal:
            return Response(400, refusal.encode(), "text/plain; charset=utf-8")
        error = _authorisation_error(query)
        if error:
            return _redirect(query, {"error": error})
        if "listener" not in query:
            return consent_page(self._world, request)
        listener = self._world.find(query["listener"])
        if listener is None:
            return Response(400, b"There is no such listener.", "text/plain; charset=utf-8")
        return _redirect(query, {"code": self._code(listener, query)})

    def token(self, request: Request) -> Response:
        """Exchange a code or a refresh token for tokens."""
        form, client = request.form, _client(request)
        if client is None or not client.client_id:
            return self.error(400, "Invalid client", reason="invalid_client")
        if client.secret is not None and not self._secret_fits(client.secret):
            return self.error(400, "Invalid client secret", reason="invalid_client")
        grant_type = form.get("grant_type")
        if grant_type == "authorization_code":
            return self._exchange(form, client)
        if grant_type == "refresh_token":
            return self._refresh(form, client)
        if grant_type == "client_credentials" and client.secret is not None:
            return json_response(_token_answer(self._tokens, self._tokens.new_grant("", client.client_id, "")))
        accepted = "grant_type must be client_credentials, authorization_code or refresh_token"
        return self.error(400, accepted, reason="unsupported_grant_type")

    def issue(self, listener: Listener, client_id: str, scope: str, *, rotates: bool = True) -> dict[str, Any]:
        """The token endpoint's response for a consent given now, without the authorisation flow."""
        grant = self._tokens.new_grant(listener.listener_id, client_id, scope)
        return _token_answer(self._tokens, replace(grant, rotates=rotates), with_refresh=True)

    def _refusal(self, query: dict[str, str]) -> str | None:
        """Why this request cannot be redirected, or None."""
        if not query.get("client_id"):
            return "INVALID_CLIENT: Invalid client"
        uri = query.get("redirect_uri", "")
        if not is_loopback(uri):
            return "INVALID_CLIENT: Insecure redirect URI"
        if self._app.redirect_uris is not None and uri not in self._app.redirect_uris:
            return "INVALID_CLIENT: Invalid redirect URI"
        return None

    def _code(self, listener: Listener, query: dict[str, str]) -> str:
        grant = self._tokens.new_grant(listener.listener_id, query["client_id"], query.get("scope", ""))
        challenge, redirect_uri = query.get("code_challenge", ""), query["redirect_uri"]
        return self._tokens.issue(replace(grant, challenge=challenge, redirect_uri=redirect_uri), "code")

    def _secret_fits(self, secret: str) -> bool:
        wanted = self._app.client_secret
        return bool(secret) if wanted is None else hmac.compare_digest(secret.encode(), wanted.encode())

    def _exchange(self, form: dict[str, str], client: _Client) -> Response:
        grant = self._tokens.read(form.get("code", ""), "code")
        if grant is None or grant.client_id != client.client_id or self._tokens.revoked(grant):
            return self._invalid("Invalid authorization code")
        if not grant.challenge and client.secret is None:
            return self.error(400, "Invalid client secret", reason="invalid_client")
        flaw = self._flaw(grant, form)
        if flaw:
            return self._invalid(flaw)
        granted = replace(grant, rotates=client.secret is None)
        return json_response(_token_answer(self._tokens, granted, with_refresh=True))

    def _flaw(self, grant: Grant, form: dict[str, str]) -> str | None:
        """Why a genuine code is not exchanged, or None."""
        if form.get("redirect_uri") != grant.redirect_uri:
            return "Invalid redirect URI"
        if grant.challenge and _challenge(form.get("code_verifier", "")) != grant.challenge:
            return "code_verifier was incorrect"
        if self._tokens.expired(grant, CODE_LIFETIME_S):
            return "Authorization code expired"
        return None if self._tokens.use_code(grant) else "Invalid authorization code"

    def _refresh(self, form: dict[str, str], client: _Client) -> Response:
        grant = self._tokens.read(form.get("refresh_token", ""), "refresh")
        if grant is None or grant.client_id != client.client_id or self._world.find(grant.listener) is None:
            return self._invalid("Invalid refresh token")
        if not grant.rotates and client.secret is None:
            return self.error(400, "Invalid client secret", reason="invalid_client")
        if self._tokens.revoked(grant) or self._clock.now_ms() >= refresh_ends_ms(grant.authorised_ms):
            return self._invalid("Refresh token revoked")
        if not grant.rotates:
            return json_response(_token_answer(self._tokens, grant))
        rotated = self._tokens.rotate(grant)
        if rotated is None:
            return self._invalid("Refresh token revoked")
        return json_response(_token_answer(self._tokens, rotated, with_refresh=True))

    def _invalid(self, description: str) -> Response:
        return self.error(400, description, reason="invalid_grant")


def is_loopback(uri: str) -> bool:
    """Whether Spotify accepts ``uri`` as a redirect over plain HTTP: 127.0.0.1 or [::1], never ``localhost``."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1") and port != 0


def refresh_ends_ms(authorised_ms: int) -> int:
    """When a refresh token expires: six calendar months after the consent, or on that month's last day."""
    authorised = from_ms(authorised_ms)
    years, month = divmod(authorised.month - 1 + REFRESH_LIFETIME_MONTHS, 12)
    year, month = authorised.year + years, month + 1
    day = min(authorised.day, monthrange(year, month)[1])
    return to_ms(authorised.replace(year=year, month=month, day=day))


def _authorisation_error(query: dict[str, str]) -> str | None:
    """The error for the app's redirect URI, or None."""
    if query.get("response_type") != "code":
        return "unsupported_response_type"
    if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
        return "invalid_request"
    return "access_denied" if query.get("cancel") else None


def _token_answer(tokens: TokenOffice, grant: Grant, *, with_refresh: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "access_token": tokens.issue(grant, "access"),
        "token_type": "Bearer",
        "expires_in": ACCESS_LIFETIME_S,
    }
    if with_refresh:
        answer["refresh_token"] = tokens.issue(grant, "refresh")
    return answer | {"scope": grant.scope}


def _redirect(query: dict[str, str], answer: dict[str, str]) -> Response:
    if "state" in query:
        answer = answer | {"state": query["state"]}
    uri = query["redirect_uri"]
    location = uri + ("&" if "?" in uri else "?") + urlencode(answer)
    return Response(302, b"", "text/plain; charset=utf-8", headers=(("Location", location),))


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _client(request: Request) -> _Client | None:
    """The calling app, from the Basic header or the form."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return _Client(client_id, secret)
    form = request.form
    return _Client(form.get("client_id", ""), form.get("client_secret"))
