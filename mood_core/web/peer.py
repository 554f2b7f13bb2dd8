"""Which user of this machine a connection on loopback comes from.

Browsers send a cookie of 127.0.0.1 to every port, so a server of another user could receive it. Linux knows whose
connection it is; another user is refused even with the cookie or the token.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

_TABLES = {"/proc/net/tcp": "", "/proc/net/tcp6": "0000000000000000FFFF0000"}
"""The kernel's connections, with the prefix of IPv4 addresses: programs can use IPv6 sockets for 127.0.0.1."""


def owners_of(client: tuple[str, int] | None, server: tuple[str, int | None] | None) -> set[int]:
    """The ids of the users to whom the other end of a connection on this machine belongs; empty if unknown.

    ``client`` and ``server`` are the IPv4 addresses and ports of both ends.
    """
    if sys.platform != "linux" or client is None or server is None or server[1] is None:
        return set()
    return set(_owners(client, (server[0], server[1])))


def _owners(client: tuple[str, int], server: tuple[str, int]) -> Iterator[int]:
    for table, prefix in _TABLES.items():
        wanted = [f"{prefix}{_as_in_table(*end)}" for end in (client, server)]
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if words[1:3] == wanted:
                yield int(words[7])


def _as_in_table(host: str, port: int) -> str:
    number = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    return f"{number:08X}:{port:04X}"
