"""The loopback server that receives the browser's redirect after the person's consent."""

from __future__ import annotations

import hmac
import ipaddress
import os
import socket
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from socketserver import TCPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from mood_core.errors import ConfigError, ReauthorisationNeeded
from mood_core.http.addresses import has_login, shown
from mood_core.http.loopback import refusal
from mood_core.spotify.failures import SOURCE

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>moodlog</title>
<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem;color:#222}}
@media(prefers-color-scheme:dark){{body{{background:#181818;color:#eee}}}}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "Connection": "close",
}


@dataclass(frozen=True, slots=True)
class Redirect:
    """The result in a redirect: a one-time ``code``, or an ``error`` such as ``access_denied``."""

    code: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    error: str | None = None


def parse_redirect(query: str) -> Redirect | None:
    """The redirect in a URL's query, None if it has neither a code nor an error."""
    fields = {name: values[0] for name, values in parse_qs(query, keep_blank_values=False).items()}
    redirect = Redirect(fields.get("code"), fields.get("state"), fields.get("error"))
    return redirect if redirect.code or redirect.error else None


def code_of(redirect: Redirect, state: str) -> str:
    """The code of a ``redirect`` for the request with ``state``, which is compared in constant time.

    Raises:
        ReauthorisationNeeded: it belongs to another request, or the person declined.
    """
    if not hmac.compare_digest((redirect.state or "").encode(), state.encode()):
        raise ReauthorisationNeeded(
            "The redirect belongs to another authorisation (its state differs); run the command again and use "
            "the page that it opens.",
            source=SOURCE,
        )
    if redirect.code is None:
        raise _refused(redirect.error or "")
    return redirect.code


def _refused(error: str) -> ConfigError | ReauthorisationNeeded:
    if error == "access_denied":
        return ReauthorisationNeeded(
            "The permission was declined on Spotify's page; run the command again and agree to connect the account.",
            source=SOURCE,
        )
    shown = error if error.isidentifier() and len(error) < 50 else "unknown error"
    return ConfigError(
        f"Spotify refused the authorisation ({shown}); check the app at https://developer.spotify.com/dashboard."
    )


def check_redirect_uri(uri: str) -> None:
    """Check that Spotify accepts ``uri``: https, or http on 127.0.0.1 or [::1], never localhost.

    Raises:
        ConfigError: it does not.
    """
    if not _is_acceptable(uri):
        raise ConfigError(
            f"MOODLOG_SPOTIFY_REDIRECT_URI is {shown(uri)}, which Spotify does not accept; use "
            "http://127.0.0.1:8888/callback and register it at https://developer.spotify.com/dashboard."
        )


def _is_acceptable(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
        if has_login(uri):
            return False
        if parts.scheme == "https":
            return bool(host)
        return parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:  # invalid host, port or URL
        return False


class CallbackServer:
    """Listens on the redirect URI's loopback address for the redirect of the request with ``state``.

    It serves in a thread while its ``with`` block runs, because a browser in the terminal may block the caller. Other
    paths get 404, and requests without a code or an error are ignored: browsers request icons and open connections
    that they never use. For a redirect URI without a port it uses a free one, which Spotify allows for loopback
    addresses.

    Attributes:
        redirect_uri: the URI to send to Spotify, with the port of the server.

    Raises:
        ConfigError: the URI is not an http loopback address, or its port is in use.
    """

    def __init__(self, redirect_uri: str, state: str) -> None:
        check_redirect_uri(redirect_uri)
        parts = urlsplit(redirect_uri)
        if parts.scheme != "http" or parts.hostname is None:
            raise ConfigError(
                f"{redirect_uri!r} is not on this machine, so the redirect cannot be received; use --no-browser, or "
                "http://127.0.0.1:8888/callback."
            )
        self._server = _listen(parts.hostname, parts.port or 0, parts.path or "/", state, redirect_uri)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self.redirect_uri = redirect_uri if parts.port else f"http://{host}:{self._server.server_port}{parts.path}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def wait(self, timeout_s: float) -> str:
        """Wait up to ``timeout_s`` seconds for the code.

        Raises:
            ReauthorisationNeeded: no redirect came in time, the person declined, or the state differs.
        """
        try:
            redirect = self._server.redirects.get(timeout=timeout_s)
        except Empty:
            raise ReauthorisationNeeded(
                f"No redirect came within {timeout_s:.0f} s; if Spotify's page said 'Invalid redirect URI', register "
                f"exactly {self.redirect_uri} at https://developer.spotify.com/dashboard, then run the command again.",
                source=SOURCE,
            ) from None
        return code_of(redirect, self._server.state)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _LoopbackServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # on Windows it lets two programs share the port

    def __init__(self, host: str, port: int, path: str, state: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.path = path
        self.state = state
        self.redirects: Queue[Redirect] = Queue()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the base class's reverse name lookup, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that hang up; a traceback could contain the code."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _LoopbackServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        redirect = parse_redirect(query)
        if path != self.server.path or redirect is None or not self._is_navigation():
            self._answer(404, "Not found", "This address only receives Spotify's redirect to moodlog.")
            return
        try:
            code_of(redirect, self.server.state)
        except (ConfigError, ReauthorisationNeeded):
            self._answer(400, "Not connected", "The account was not connected. See the terminal for the reason.")
        else:
            self._answer(200, "Thank you", "moodlog continues in the terminal. You can close this page.")
        self.server.redirects.put(redirect)

    def _is_navigation(self) -> bool:
        """Whether a tab was redirected here: not a request by another page's script, image or frame."""
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return refusal(headers, is_get=True) is None

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Respond to malformed requests without repeating the request line, which may contain a code."""
        self._answer(code, "Not found", "This address only receives Spotify's redirect to moodlog.")

    def _answer(self, status: int, title: str, text: str) -> None:
        body = _PAGE.format(title=title, text=text).encode()
        self.send_response_only(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing: the request line contains the code."""


def _listen(host: str, port: int, path: str, state: str, redirect_uri: str) -> _LoopbackServer:
    try:
        return _LoopbackServer(host, port, path, state)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {redirect_uri} ({error.strerror}); stop the program that uses port {port}, or set "
            "MOODLOG_SPOTIFY_REDIRECT_URI to another port and register it at https://developer.spotify.com/dashboard."
        ) from None
