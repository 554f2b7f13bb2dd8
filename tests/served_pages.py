"""The live pages behind a real server on loopback, and a client as a browser that has the cookie."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape

import httpx

from mood_core.app.workspace import Workspace
from mood_core.web.access import Access
from mood_core.web.app import create_app
from mood_core.web.proxy import proxy_of
from mood_core.web.server import access_of, listen, server_of

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the certificates, which take half a second to load


@dataclass(frozen=True, slots=True)
class ServedPages:
    """Running pages: their address, their secrets, and a client that has the cookie."""

    url: str
    access: Access
    client: httpx.Client

    def stranger(self) -> httpx.Client:
        """A client without the cookie."""
        return httpx.Client(base_url=self.url, timeout=60, verify=_NO_TLS)


@contextmanager
def served(space: Workspace, *, read_only: bool = False) -> Iterator[ServedPages]:
    """Serve the pages of ``space`` in a thread of this process, as its settings say."""
    access, listener = access_of(space), listen(0)
    server = server_of(create_app(space, access, proxy_of(space.settings), read_only=read_only))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    name, value = access.cookie
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, cookies={name: value}, timeout=60, verify=_NO_TLS) as client:
            yield ServedPages(url, access, client)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def links(html: str) -> set[str]:
    """The addresses on this server that a page links to."""
    found = {unescape(link) for link in re.findall(r'(?:href|src|action)="([^"]*)"', html)}
    return {link for link in found if link.startswith("/")}
