"""The reverse proxy in front of the pages, from the settings: its address, its connections and its users."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, ip_network

from mood_core.errors import ConfigError
from mood_core.http.addresses import has_login, insecure, origin
from mood_core.settings import Settings

EVERYBODY = "*"
"""The person in MOODLOG_WEB_USERS of a user who may see all people."""

_LOCAL = "127.0.0.1"
_SHORTEST_PASSWORD = 12
_WIDEST = 8  # bits of the widest network
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_NOT_A_USER = frozenset({"authorization", "cookie", "host", "origin", "referer", "user-agent", "content-type"})


@dataclass(frozen=True, slots=True)
class Proxy:
    """A reverse proxy. ``public`` is the origin that it serves, such as ``https://moods.example.org``.

    Connections come from ``networks``; those on this machine are of the system user ``system_user``, if there is one,
    otherwise of the user who runs moodlog. ``header`` has the name of a logged-in user, and ``users`` has the person of
    each user, by id or name; without a ``header``, browsers get in with the password or with a link.
    """

    public: str
    networks: tuple[IPv4Network, ...]
    system_user: int | None = None
    header: str = ""
    users: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The value of the Host header, in lower case."""
        return self.public.partition("://")[2]

    @property
    def is_secure(self) -> bool:
        """Whether browsers use https."""
        return self.public.startswith("https://")

    def includes(self, address: str) -> bool:
        """Whether connections from ``address`` are those of the proxy."""
        return any(IPv4Address(address) in network for network in self.networks)


def proxy_of(settings: Settings) -> Proxy | None:
    """The reverse proxy of the settings; None without one.

    Raises:
        ConfigError: A setting of the proxy is invalid, or does not go with the others.
    """
    _check_host(settings)
    if not settings.web_public_url:
        _refuse_without_address(settings)
        return None
    _check_entry(settings)
    return Proxy(
        _public(settings.web_public_url),
        tuple(map(_network, settings.web_proxies)),
        _system_user(settings.web_proxy_user) if settings.web_proxy_user else None,
        settings.web_user_header.lower(),
        _users(settings.web_users),
    )


def _check_host(settings: Settings) -> None:
    try:
        IPv4Address(settings.web_host)
    except ValueError:
        raise ConfigError(
            f"MOODLOG_WEB_HOST must be an IPv4 address, such as {_LOCAL} or 0.0.0.0, not {settings.web_host!r}"
        ) from None


def _refuse_without_address(settings: Settings) -> None:
    """Refuse settings that would open the pages to other machines, or have no effect."""
    given = {
        "MOODLOG_WEB_HOST": not IPv4Address(settings.web_host).is_loopback,
        "MOODLOG_WEB_PROXIES": settings.web_proxies != (_LOCAL,),
        "MOODLOG_WEB_PROXY_USER": settings.web_proxy_user,
        "MOODLOG_WEB_USER_HEADER": settings.web_user_header,
        "MOODLOG_WEB_USERS": settings.web_users,
        "MOODLOG_WEB_PASSWORD": settings.web_password,
    }
    for name, is_given in given.items():
        if is_given:
            raise ConfigError(f"{name} needs MOODLOG_WEB_PUBLIC_URL, such as https://moods.example.org")


def _check_entry(settings: Settings) -> None:
    header, password = settings.web_user_header, settings.web_password
    if header and password:
        raise ConfigError("MOODLOG_WEB_USER_HEADER and MOODLOG_WEB_PASSWORD exclude each other; set one of them")
    if bool(header) != bool(settings.web_users):
        raise ConfigError(
            "MOODLOG_WEB_USER_HEADER and MOODLOG_WEB_USERS need each other: the header names the logged-in user, and"
            " MOODLOG_WEB_USERS has each user's person, such as ada@example.org=ada,root=*"
        )
    if header and (not _HEADER.fullmatch(header) or header.lower() in _NOT_A_USER):
        raise ConfigError(f"MOODLOG_WEB_USER_HEADER must be the name of a header such as Remote-User, not {header!r}")
    if password and len(password.get_secret_value()) < _SHORTEST_PASSWORD:
        raise ConfigError(f"MOODLOG_WEB_PASSWORD must have {_SHORTEST_PASSWORD} characters or more")
    if not settings.web_proxies:
        raise ConfigError("MOODLOG_WEB_PUBLIC_URL needs MOODLOG_WEB_PROXIES, the addresses of the reverse proxy")
    is_local = any(_network(text).is_loopback for text in settings.web_proxies)
    if header and is_local and sys.platform != "linux":
        raise ConfigError(
            "MOODLOG_WEB_USER_HEADER needs Linux for a proxy on this machine: elsewhere every user of the machine could"
            " send the header; set MOODLOG_WEB_PASSWORD instead"
        )


def _public(url: str) -> str:
    problem = insecure(url)
    if problem is not None:
        raise ConfigError(f"MOODLOG_WEB_PUBLIC_URL is invalid: {problem}")
    if has_login(url) or url.rstrip("/").count("/") != 2 or "?" in url or "#" in url:
        raise ConfigError("MOODLOG_WEB_PUBLIC_URL must be an address without a path, such as https://moods.example.org")
    return origin(url).lower()


def _network(text: str) -> IPv4Network:
    try:
        found = ip_network(text)
    except ValueError:
        found = None
    if not isinstance(found, IPv4Network) or found.prefixlen < _WIDEST:
        raise ConfigError(
            f"MOODLOG_WEB_PROXIES must have IPv4 addresses or networks such as 127.0.0.1 or 172.18.0.0/16, not {text!r}"
        )
    return found


def _system_user(name: str) -> int:
    try:
        import pwd

        return pwd.getpwnam(name).pw_uid
    except (ImportError, KeyError):
        raise ConfigError(f"MOODLOG_WEB_PROXY_USER: this machine has no user {name!r}") from None


def _users(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        login, _, person = (part.strip() for part in pair.rpartition("="))
        if not login or not person or login in found:
            raise ConfigError(
                "MOODLOG_WEB_USERS must have each user once, as USER=PERSON, where PERSON is an id, a name or * for all"
                f" people, not {pair!r}"
            )
        found[login] = person
    return found
