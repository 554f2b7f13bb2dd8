"""Collaborators of the Spotify package for tests: a token repository, a ledger, and a server that answers by script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mood_core.domain.records import StoredToken
from mood_core.errors import QuotaExceeded
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import store_new_token
from mood_core.spotify.client import SpotifyClient, SpotifyClients
from mood_core.spotify.ports import SpotifyApp
from mood_core.spotify.session import accounts_pool
from mood_core.spotify.token_service import TokenService
from mood_core.spotify.tokens import SPOTIFY, Token, TokenCipher

AUTHORISED_AT = datetime(2026, 10, 1, 12, tzinfo=UTC)


class MemoryTokens:
    """A ``TokenRepository`` in memory, with everything that happens to it noted."""

    def __init__(self) -> None:
        self.stored: dict[str, StoredToken] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.marked: dict[str, str] = {}
        self.writes: list[str] = []
        self.before_write: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def read(self, user_id: str) -> StoredToken | None:
        with self._lock:
            return self.stored.get(user_id)

    def write(self, user_id: str, ciphertext: bytes, *, authorised_at: datetime, expected_version: int | None) -> bool:
        self.before_write()
        with self._lock:
            current = self.stored.get(user_id)
            version = current.version if current else 0
            if expected_version not in (None, version):
                return False
            self.stored[user_id] = StoredToken(ciphertext, version + 1)
            self.writes.append(user_id)
            if expected_version is not None:
                self.leases.pop(user_id, None)
            return True

    def acquire_refresh_lease(self, user_id: str, owner: str, for_s: float) -> bool:
        with self._lock:
            holder, until = self.leases.get(user_id, ("", 0.0))
            if holder not in ("", owner) and time.monotonic() < until:
                return False
            self.leases[user_id] = (owner, time.monotonic() + for_s)
            return True

    def release_refresh_lease(self, user_id: str, owner: str) -> None:
        with self._lock:
            if self.leases.get(user_id, ("", 0.0))[0] == owner:
                del self.leases[user_id]

    def mark_reauthorisation_needed(self, user_id: str, reason: str, *, expected_version: int) -> None:
        with self._lock:
            if user_id in self.stored and self.stored[user_id].version == expected_version:
                self.marked[user_id] = reason


@dataclass
class NotingLedger:
    """A ``CallLedger`` that notes every call and refuses once ``budget`` calls were made."""

    budget: int | None = None
    before: list[str] = field(default_factory=list)
    after: list[tuple[str, int, float | None]] = field(default_factory=list)

    def before_call(self, endpoint: str) -> None:
        if self.budget is not None and len(self.before) >= self.budget:
            raise QuotaExceeded("the budget is used up", source="spotify", retry_after_s=3600)
        self.before.append(endpoint)

    def after_call(self, endpoint: str, status: int, retry_after_s: float | None) -> None:
        self.after.append((endpoint, status, retry_after_s))


@dataclass
class Reply:
    """One scripted answer.

    ``cut`` ends the connection after ``cut`` bytes of the body, without a word in the headers; ``delay_s`` holds the
    answer back; ``drip_s`` sends one byte at a time with this pause between.
    """

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    delay_s: float = 0.0
    drip_s: float = 0.0

    def as_bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass
class Seen:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]


class ScriptedServer(ThreadingHTTPServer):
    """Answers the n-th request with the n-th reply, the last one for ever; or by ``answer`` where that is given."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, replies: Sequence[Reply] = (), answer: Callable[[Seen], Reply] | None = None) -> None:
        self.replies = list(replies)
        self.answer = answer
        self.seen: list[Seen] = []
        self.connections: set[Any] = set()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are expected."""

    def reply_to(self, seen: Seen) -> Reply:
        with self.lock:
            self.seen.append(seen)
            position = len(self.seen) - 1
        if self.answer is not None:
            return self.answer(seen)
        return self.replies[min(position, len(self.replies) - 1)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True
    server: ScriptedServer

    def _serve(self) -> None:
        self.server.connections.add(self.client_address)
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        seen = Seen(
            self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers.items()), dict(parse_qsl(body))
        )
        reply = self.server.reply_to(seen)
        time.sleep(reply.delay_s)
        data = reply.as_bytes()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if reply.cut is not None:
            data, self.close_connection = data[: reply.cut], True
        for piece in [data] if not reply.drip_s else [data[at : at + 1] for at in range(len(data))]:
            time.sleep(reply.drip_s)
            self.wfile.write(piece)

    do_GET = do_POST = _serve  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def serving(*replies: Reply, answer: Callable[[Seen], Reply] | None = None) -> Iterator[ScriptedServer]:
    """A scripted server for the ``with`` block."""
    server = ScriptedServer(replies, answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def app_at(api_url: str, accounts_url: str = "", **changes: Any) -> SpotifyApp:
    """An app whose services lie at the given addresses."""
    fields: dict[str, Any] = {
        "client_id": "client-1",
        "client_secret": None,
        "redirect_uri": "http://127.0.0.1:8888/callback",
        "api_url": api_url,
        "accounts_url": accounts_url or api_url,
    }
    return SpotifyApp(**{**fields, **changes})


def token(
    access: str = "access-1",
    refresh: str = "refresh-1",
    *,
    lives: timedelta = timedelta(hours=1),
    of: SpotifyApp | None = None,
) -> Token:
    """A token that was authorised at :data:`AUTHORISED_AT` and lives from now, for the services of the app ``of``."""
    issuer = of.issuer if of else SPOTIFY
    return Token(access, refresh, datetime.now(UTC) + lives, "user-read-recently-played", AUTHORISED_AT, issuer)


def stored(tokens: MemoryTokens, cipher: TokenCipher, user_id: str) -> Token:
    """The token in the repository, decrypted."""
    entry = tokens.read(user_id)
    assert entry is not None
    return Token.from_json(cipher.decrypt(entry.ciphertext))


def scripted(url: str, waits: list[float] | None = None, ledger: NotingLedger | None = None) -> SpotifyClient:
    """A client of one account with a good token at ``url``."""
    tokens, cipher = MemoryTokens(), TokenCipher([TokenCipher.generate_key()])
    store_new_token("person", token(of=app_at(url)), tokens, cipher)
    sleep = (waits if waits is not None else []).append
    clients = SpotifyClients(app_at(url), tokens, cipher, ledger=ledger, retry=RetryPolicy(sleep=sleep))
    return clients.for_user("person")


def service_of(app: SpotifyApp, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> TokenService:
    return TokenService(accounts_pool(app, NotingLedger()), RetryPolicy(sleep=lambda _: None), clock)
