"""Addresses of services: whether one may receive secrets, and the origin that a token belongs to."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def insecure(url: str) -> str | None:
    """Why no secret may be sent to ``url``; None where it is https, or http to this machine itself."""
    parts = _split(url)
    if parts is None:
        return "it must be an http or https address"
    if has_login(url):
        return "it must have no user name and no password before its host: logs and messages show addresses"
    if parts.scheme == "http" and not is_loopback(url):
        return "it must be https, since it gets private data; http is for this machine (127.0.0.1, ::1, localhost)"
    return None


def has_login(url: str) -> bool:
    """Whether ``url`` has a user name or a password before its host."""
    return "@" in url.partition("://")[2].partition("/")[0].partition("?")[0]


def shown(url: str) -> str:
    """``url`` as a message may repeat it: what is before an ``@`` may be a password."""
    return "not shown" if "@" in url else repr(url)


def is_loopback(url: str) -> bool:
    """Whether ``url`` leads to this machine itself."""
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> str:
    """Scheme, host and port of ``url``, the port only where it is not the scheme's own: ``https://example.org``.

    Raises:
        ValueError: ``url`` is not an http or https address.
    """
    parts = _split(url)
    if parts is None:
        raise ValueError("not an http or https address")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port
    return f"{parts.scheme}://{host}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")


def _split(url: str) -> SplitResult | None:
    # HTTP libraries disagree about a backslash: one that ends the host for them may not end it here.
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORTS and host else None
