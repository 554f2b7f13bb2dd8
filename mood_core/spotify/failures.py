"""Converts failed responses of Spotify to moodlog's errors: pure functions of status, headers and body."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mood_core.errors import (
    AccessDenied,
    ConfigError,
    MoodlogError,
    NotFound,
    PremiumEnded,
    QuotaExceeded,
    RateLimited,
    ReauthorisationNeeded,
    SourceError,
    Unavailable,
    UnexpectedPayload,
)
from mood_core.http.headers import retry_after_s
from mood_core.text.format import plural

SOURCE = "spotify"
"""``SourceError.source`` of the errors in this module."""

LONGEST_SHORT_WAIT_S = 60.0
"""A longer Retry-After means a used-up quota and not a rate limit."""

_DEFAULT_RATE_WAIT_S = 5.0
_DEFAULT_QUOTA_WAIT_S = 3600.0
_MANY_MINUTES = 180
_LONGEST_QUOTED = 160
_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class ServiceResponse:
    """The parts of an HTTP response that classify failures.

    Attributes:
        call: the request as shown in messages ("GET /v1/me").
        status: the HTTP status.
        body: the text of the body.
        headers: the headers.
        secrets: secrets of the request, which are redacted if the service echoes them.
        now: the time of the response, for a Retry-After that is a date.
        payload: the body as a JSON object, None if it is not one.
    """

    call: str
    status: int
    body: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    payload: dict[str, object] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Decoded once: a window of listens has 100,000 bytes.
        object.__setattr__(self, "payload", _json_object(self.body))


def api_failure(response: ServiceResponse) -> MoodlogError | None:
    """The error of a Web API response, None for a success."""
    match response.status:
        case 401:
            return ReauthorisationNeeded(
                f"Spotify does not accept the access token for {response.call}; run `moodlog reconnect`.", source=SOURCE
            )
        case 403:
            kind = PremiumEnded if _is_about_premium(response) else AccessDenied
            return kind(_denied(response), source=SOURCE)
        case 404 | 410:
            return NotFound(f"Spotify has nothing at {response.call} ({response.status}); check the id.", source=SOURCE)
    failure = _common_failure(response)
    if failure is None and response.payload is None:
        failure = UnexpectedPayload(
            f"Spotify's response to {response.call} is not a JSON object; the next run retries it.",
            source=SOURCE,
            excerpt=_excerpt(response),
        )
    return failure


def token_failure(response: ServiceResponse) -> MoodlogError | None:
    """The error of a response of the token endpoint, None for a success.

    The error of an invalid success has no excerpt, which could contain tokens.
    """
    if response.status in {400, 401, 403}:
        return _oauth_failure(response)
    failure = _common_failure(response)
    if failure is None and not _is_token_response(response.payload):
        failure = UnexpectedPayload(
            "Spotify's response to a token request has no token; the next run retries it.", source=SOURCE
        )
    return failure


def _is_token_response(payload: dict[str, object] | None) -> bool:
    """Whether it has the required fields with the right types (RFC 6749, 5.1)."""
    if payload is None:
        return False
    token, lifetime = payload.get("access_token"), payload.get("expires_in")
    is_number = isinstance(lifetime, int) or (isinstance(lifetime, float) and math.isfinite(lifetime))
    return isinstance(token, str) and bool(token) and is_number


def _common_failure(response: ServiceResponse) -> MoodlogError | None:
    if 200 <= response.status < 300:
        return None
    if response.status == 429:
        return _too_many(response)
    if response.status >= 500 or response.status in {408, 425}:
        return Unavailable(
            f"Spotify responded with {response.status} to {response.call}; try again in some minutes.", source=SOURCE
        )
    if response.status < 400:
        return UnexpectedPayload(
            f"Spotify responded to {response.call} with a redirect ({response.status}); "
            "check MOODLOG_SPOTIFY_API_URL and MOODLOG_SPOTIFY_ACCOUNTS_URL.",
            source=SOURCE,
        )
    return SourceError(f"Spotify refused {response.call} ({response.status}{_quoted(response)}).", source=SOURCE)


def _is_about_premium(response: ServiceResponse) -> bool:
    return "premium subscription required" in _refusal_text(response).lower()


def _denied(response: ServiceResponse) -> str:
    text = _refusal_text(response)
    remedy = "check what the app may use at https://developer.spotify.com/dashboard"
    if _is_about_premium(response):
        remedy = "this concerns all accounts: renew the Premium of the Spotify account that owns the app"
    elif "scope" in text.lower():
        remedy = "run `moodlog reconnect` and grant the requested permissions"
    elif "not registered" in text.lower() or response.call.endswith("/me"):
        remedy = "add the person under User Management of the app at https://developer.spotify.com/dashboard"
    elif response.call.endswith("/audio-features"):
        remedy = "apps registered since 2024-11-27 have no access to it; leave spotify out of MOODLOG_FEATURE_SOURCES"
    return f"Spotify denies {response.call} (403{_quoted(response)}); {remedy}."


def _too_many(response: ServiceResponse) -> SourceError:
    wait_s = requested_wait_s(response)
    if wait_s is not None and wait_s > LONGEST_SHORT_WAIT_S:
        return QuotaExceeded(
            f"Spotify's quota for {response.call} is used up; it is available again in {_in_words(wait_s)}.",
            source=SOURCE,
            retry_after_s=wait_s,
        )
    return RateLimited(
        f"Spotify's rate limit for {response.call} is reached; try again in a minute.",
        source=SOURCE,
        retry_after_s=_DEFAULT_RATE_WAIT_S if wait_s is None else wait_s,
    )


def _in_words(wait_s: float) -> str:
    minutes = wait_s / 60
    return plural(round(minutes), "minute") if minutes < _MANY_MINUTES else plural(round(minutes / 60), "hour")


def requested_wait_s(response: ServiceResponse) -> float | None:
    """The Retry-After of a 429 [s], None for other responses and without the header.

    Spotify documents Retry-After only for 429; it is ignored for 5xx, which are retried with growing waits. For a
    used-up quota the result is always more than 60 s, even if the Retry-After is shorter or missing.
    """
    if response.status != 429:
        return None
    wait_s = retry_after_s(response.headers.get("Retry-After"), response.now)
    if "QUOTA_EXCEEDED" not in response.body:
        return wait_s
    return max(_DEFAULT_QUOTA_WAIT_S if wait_s is None else wait_s, LONGEST_SHORT_WAIT_S + 1)


def _oauth_failure(response: ServiceResponse) -> MoodlogError:
    match oauth_error(response.body):
        case "invalid_grant":
            return ReauthorisationNeeded(
                f"Spotify no longer accepts this permission ({_refusal_text(response) or 'invalid_grant'}); "
                "run `moodlog reconnect`.",
                source=SOURCE,
            )
        case "invalid_client" | "unauthorized_client":
            return ConfigError(
                f"Spotify does not know this app ({_refusal_text(response) or 'invalid_client'}); check "
                "MOODLOG_SPOTIFY_CLIENT_ID and MOODLOG_SPOTIFY_CLIENT_SECRET against the developer dashboard."
            )
    return SourceError(f"Spotify refused {response.call} ({response.status}{_quoted(response)}).", source=SOURCE)


def oauth_error(body: str) -> str | None:
    """The ``error`` code of an OAuth error body (RFC 6749, 5.2), or None."""
    error = (_json_object(body) or {}).get("error")
    return error if isinstance(error, str) else None


def _quoted(response: ServiceResponse) -> str:
    text = _refusal_text(response)
    return f": {text}" if text else ""


def _refusal_text(response: ServiceResponse) -> str:
    """The service's reason for its refusal, as one short printable line."""
    payload = response.payload
    text = ("" if "<" in response.body else response.body) if payload is None else _message(payload)
    line = "".join(character if character.isprintable() else " " for character in redacted(text, response.secrets))
    return " ".join(line.split())[:_LONGEST_QUOTED].rstrip(".")


def _excerpt(response: ServiceResponse) -> str:
    """The start of a body that is not JSON, such as a proxy's page. Truncated JSON could contain a person's listens."""
    text = response.body.lstrip()
    return "" if text.startswith(("{", "[", '"')) else redacted(text, response.secrets)[:_EXCERPT]


def _message(payload: dict[str, object]) -> str:
    error = payload.get("error")
    message = error.get("message") if isinstance(error, dict) else payload.get("error_description") or error
    return message if isinstance(message, str) else ""


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    """``text`` with each of ``secrets`` redacted."""
    for secret in secrets:
        text = text.replace(secret, "…")
    return text


def _json_object(body: str) -> dict[str, object] | None:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
