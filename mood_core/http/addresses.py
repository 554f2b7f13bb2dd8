"""URLs of services: whether they may receive secrets, and the origin that a token belongs to."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def insecure(url: str) -> str | None:
    """Why ``url`` must not receive secrets; None for https, and for http to this machine."""
    parts = _split(url)
    if parts is None:
        return "it must be an http or https address"
    if has_login(url):
        return "it must not contain a user name or password: logs and messages show URLs"
    if parts.scheme == "http" and not is_loopback(url):
        return "it must be https because it receives private data; http is only for 127.0.0.1, ::1 and localhost"
    return None


def has_login(url: str) -> bool:
    """Whether ``url`` contains a user name or password."""
    return "@" in url.partition("://")[2].partition("/")[0].partition("?")[0]


def shown(url: str) -> str:
    """``url`` for messages, hidden if it may contain a password (before an ``@``)."""
    return "not shown" if "@" in url else repr(url)


def is_loopback(url: str) -> bool:
    """Whether ``url`` points to this machine."""
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def origin(url: str) -> str:
    """Scheme, host and non-default port of ``url``, such as ``https://example.org``.

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
    # HTTP libraries disagree whether a backslash ends the host.
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        return None
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts if parts.scheme in _DEFAULT_PORTS and host else None
