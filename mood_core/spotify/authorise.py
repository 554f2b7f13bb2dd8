"""The Authorization Code flow with PKCE, from the URL that a person opens to the token.

Reference: https://developer.spotify.com/documentation/web-api/tutorials/code-pkce-flow
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from mood_core.errors import ConfigError, InputError, ReauthorisationNeeded
from mood_core.spotify.callback import CallbackServer, check_redirect_uri, code_of, parse_redirect
from mood_core.spotify.failures import SOURCE
from mood_core.spotify.ports import SpotifyApp
from mood_core.spotify.session import SCOPE
from mood_core.spotify.token_service import TokenService
from mood_core.spotify.tokens import Token

TIMEOUT_S = 300.0
"""How long to wait for the person's consent."""


@dataclass(frozen=True, slots=True)
class Authorisation:
    """One request for a person's permission.

    Attributes:
        address: the URL that the person opens in a browser. It contains the challenge, not the verifier.
        redirect_uri: the URL to which the browser is redirected.
        state: the random text that is returned unchanged, 43 characters.
        verifier: the random text behind the challenge (RFC 7636), 86 characters.
    """

    address: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def new_state() -> str:
    """Random text that ties the redirect to its request, 43 characters."""
    return secrets.token_urlsafe(32)


def begin(app: SpotifyApp, redirect_uri: str, state: str) -> Authorisation:
    """A new request with ``state`` and a fresh verifier.

    Raises:
        ConfigError: Spotify does not accept such a redirect URI.
    """
    check_redirect_uri(redirect_uri)
    verifier = secrets.token_urlsafe(64)
    query = urlencode(
        {
            "client_id": app.client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": SCOPE,
            "state": state,
            "code_challenge_method": "S256",
            "code_challenge": challenge_of(verifier),
        }
    )
    return Authorisation(f"{app.accounts_url}/authorize?{query}", redirect_uri, state, verifier)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier: its SHA-256 in URL-safe base64 without padding (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode("ascii").rstrip("=")


def authorise(
    app: SpotifyApp,
    service: TokenService,
    *,
    show: Callable[[str], object],
    open_browser: Callable[[str], object],
    timeout_s: float = TIMEOUT_S,
) -> Token:
    """Get a token by the person's consent in a browser on this machine.

    Args:
        app: the registered app.
        service: Spotify's token endpoint.
        show: receives the URL, for a person whose browser does not open.
        open_browser: opens the URL, for instance ``webbrowser.open``.
        timeout_s: how long to wait for the consent, seconds.

    Raises:
        ConfigError: the redirect URI, its port, the app's credentials or this machine's clock is wrong.
        ReauthorisationNeeded: the person declined or did not respond, or the code is no longer valid.
        SourceError: Spotify failed.
    """
    state = new_state()
    with CallbackServer(app.redirect_uri, state) as server:
        request = begin(app, server.redirect_uri, state)
        show(request.address)
        open_browser(request.address)
        code = server.wait(timeout_s)
    return exchange(request, code, service)


def authorise_by_hand(
    app: SpotifyApp,
    service: TokenService,
    *,
    show: Callable[[str], object],
    ask: Callable[[], str],
) -> Token:
    """Get a token by the person's consent on another machine; ``ask`` returns the redirect URL or its code.

    Raises:
        InputError: the pasted text is neither.
        ConfigError, ReauthorisationNeeded, SourceError: like :func:`authorise`.
    """
    request = begin(app, app.redirect_uri, new_state())
    show(request.address)
    return exchange(request, parse_pasted(ask(), request), service)


def parse_pasted(text: str, request: Authorisation) -> str:
    """The code in a pasted redirect URL, whose state is checked, or the bare code.

    A bare code has no state; it still works only with the verifier of its own ``request``.

    Raises:
        InputError: it is neither.
        ConfigError, ReauthorisationNeeded: Spotify or the person refused according to the URL, or its state differs.
    """
    pasted = text.strip().strip("\"'<>").strip()
    if "://" not in pasted and "code=" not in pasted and "error=" not in pasted:
        if not pasted or not pasted.isprintable() or " " in pasted:
            raise _nothing_pasted()
        return pasted
    address, question_mark, query = pasted.partition("#")[0].partition("?")
    redirect = parse_redirect(query if question_mark else address)
    if redirect is None:
        raise _nothing_pasted()
    return code_of(redirect, request.state)


def exchange(request: Authorisation, code: str, service: TokenService) -> Token:
    """Exchange ``code`` for a token, with the verifier of its own ``request``.

    Raises:
        ConfigError: the redirect URI or the app's credentials are wrong, or the clock is more than 5 minutes off.
        ReauthorisationNeeded: the code was used, is expired or belongs to another request, or the scope is not granted.
        SourceError: Spotify failed.
    """
    try:
        token = service.exchange(code, redirect_uri=request.redirect_uri, verifier=request.verifier)
    except ReauthorisationNeeded as refused:
        raise _code_refused(refused, request) from None
    missing = set(SCOPE.split()) - set(token.scope.split())
    if missing and token.scope:  # an omitted scope is the requested one (RFC 6749, 5.1)
        raise ReauthorisationNeeded(
            f"Spotify granted the permission without {', '.join(sorted(missing))}, so listens could not be read; run"
            " the command again and agree to everything it asks for.",
            source=SOURCE,
        )
    return token


def _code_refused(refused: ReauthorisationNeeded, request: Authorisation) -> ConfigError | ReauthorisationNeeded:
    if "redirect" in refused.message.lower():
        return ConfigError(
            f"Spotify does not know the redirect URI {request.redirect_uri}; register exactly this URI at "
            "https://developer.spotify.com/dashboard and run the command again."
        )
    return ReauthorisationNeeded(
        "Spotify does not accept this authorisation code, which works once and for ten minutes; run the command again.",
        source=SOURCE,
    )


def _nothing_pasted() -> InputError:
    return InputError(
        "The pasted text is neither the redirect URL, which contains ?code=..., nor a code; run the command again."
    )
