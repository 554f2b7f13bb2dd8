"""A reverse proxy for tests, of the standard library alone, so that any system user can run it.

``python small_proxy.py UPSTREAM_PORT SOURCE_ADDRESS HOST USER_HEADER`` prints its port. It logs in the user of the
header ``X-Login``, as a single sign-on would, and removes what the client sent as USER_HEADER. HOST is the Host header
that it sends, or ``-`` for the default one of a proxy, which is the address of the upstream server.
"""

from __future__ import annotations

import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM, SOURCE, HOST, USER = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]


class Proxy(BaseHTTPRequestHandler):
    """Forwards one request."""

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        own = {"host", "connection", "x-login", USER.lower(), "x-forwarded-for"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in own}
        headers |= {"Host": f"127.0.0.1:{UPSTREAM}" if HOST == "-" else HOST, "X-Forwarded-For": "203.0.113.7"}
        if login := self.headers.get("X-Login"):
            headers[USER] = login
        upstream = HTTPConnection("127.0.0.1", UPSTREAM, source_address=(SOURCE, 0))
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length", "date", "server"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        upstream.close()

    do_GET = do_POST = do_HEAD = _forward  # noqa: N815 - the standard library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    print(server.server_port, flush=True)  # noqa: T201
    server.serve_forever()
