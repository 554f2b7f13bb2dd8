"""The reverse proxy in front of the pages, from the settings: its address, its connections and its users."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from mood_core.errors import ConfigError
from mood_core.http.addresses import origin
from mood_core.setting_types import person_by_user
from mood_core.settings import Settings

EVERYBODY = "*"
"""The person in MOODLOG_WEB_USERS of a user who may see all people."""

_LOCAL = "127.0.0.1"


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
        ConfigError: A setting of the proxy does not go with the others, or its system user does not exist.
    """
    if not settings.web_public_url:
        _refuse_without_address(settings)
        return None
    _check_entry(settings)
    return Proxy(
        origin(settings.web_public_url).lower(),
        tuple(map(IPv4Network, settings.web_proxies)),
        _system_user(settings.web_proxy_user) if settings.web_proxy_user else None,
        settings.web_user_header.lower(),
        person_by_user(settings.web_users),
    )


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
    if not settings.web_proxies:
        raise ConfigError("MOODLOG_WEB_PUBLIC_URL needs MOODLOG_WEB_PROXIES, the addresses of the reverse proxy")
    is_local = any(IPv4Network(text).is_loopback for text in settings.web_proxies)
    if header and is_local and sys.platform != "linux":
        raise ConfigError(
            "MOODLOG_WEB_USER_HEADER needs Linux for a proxy on this machine: elsewhere every user of the machine could"
            " send the header; set MOODLOG_WEB_PASSWORD instead"
        )


def _system_user(name: str) -> int:
    try:
        import pwd

        return pwd.getpwnam(name).pw_uid
    except (ImportError, KeyError):
        raise ConfigError(f"MOODLOG_WEB_PROXY_USER: this machine has no user {name!r}") from None
