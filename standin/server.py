"""The HTTP server: sockets, keep-alive and deliberately closed connections. Only on loopback."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standin.messages import Delivery, Request, Response

HOST = "127.0.0.1"
_LARGEST_BODY = 6_000_000


class HttpServer(ThreadingHTTPServer):
    """Serves ``answer`` on 127.0.0.1; port 0 chooses a free port. ``now`` dates the responses."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 512

    def __init__(self, port: int, answer: Callable[[Request], Response], now: Callable[[], datetime]) -> None:
        self.answer = answer
        self.now = now
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def base_url(self) -> str:
        """The server's URL without a path."""
        return f"http://{HOST}:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its own thread; it is tracked so that :meth:`server_close` can end it."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and stop tracking it."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""

    def server_close(self) -> None:
        """Stop listening and close keep-alive connections."""
        super().server_close()
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: HttpServer

    def _serve(self) -> None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _LARGEST_BODY or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._send(Response(413 if length > 0 else 400, b""))
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length) if length else b""
        self._send(
            self.server.answer(
                Request(self.command, path, query.partition("#")[0], headers, body, self.server.base_url)
            )
        )

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _serve  # noqa: N815 - the base class's names

    def _send(self, response: Response) -> None:
        if response.delivery is Delivery.CUT_BEFORE:
            self._cut(reset=True)
            return
        head = self._head(response)
        if response.delivery is Delivery.CUT_MIDWAY:
            self.wfile.write(head + response.body[: len(response.body) // 2])
            self._cut(reset=False)
            return
        self.wfile.write(head if self.command == "HEAD" else head + response.body)

    def _head(self, response: Response) -> bytes:
        phrase = self.responses.get(response.status, ("Unknown", ""))[0]
        lines = [
            f"HTTP/1.1 {response.status} {phrase}",
            f"Date: {format_datetime(self.server.now(), usegmt=True)}",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _cut(self, *, reset: bool) -> None:
        """Close the connection; ``reset`` sends a TCP reset."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing to stderr; the call log has all calls."""
