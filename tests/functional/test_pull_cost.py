"""What a pull does for one account: few statements, and as many steps as the window has plays, not their square."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from mood_core.domain.listen_window import ListenWindow
from mood_core.domain.records import Listen, ListenSource, StoredToken, Track
from mood_core.lake import open_lake
from mood_core.lake.schema import USERS
from mood_core.spotify.client import SpotifyClients
from mood_core.spotify.ports import SpotifyApp
from mood_core.spotify.tokens import Token, TokenCipher
from mood_core.store import Database
from mood_core.store.queries.accounts import Accounts
from mood_core.store.queries.listens import ListenStore
from mood_core.store.queries.token_rows import TokenRows
from mood_core.usecases.batches import Batches
from mood_core.usecases.nightly.known_plays import known_plays
from mood_core.usecases.nightly.pull_listens import PullListens
from tests.store_data import NOW, users

PEOPLE = [f"person{number:03}" for number in range(40)]
MINUTE = timedelta(minutes=1)


def window_of(user_id: str, plays: int, first: int = 0, every: float = 4.0) -> ListenWindow:
    """A full window of different songs, the first of them number ``first``; a play every ``every`` minutes."""
    times = [NOW - MINUTE * (1000 - every * number) for number in range(first, first + plays)]
    ids = [f"song{number}" for number in range(first, first + plays)]
    listens = tuple(
        Listen(user_id, at, name, ListenSource.RECENTLY_PLAYED) for at, name in zip(times, ids, strict=True)
    )
    found = tuple(Track(name, name, ("somebody",), duration_ms=180_000) for name in ids)
    return ListenWindow(listens, found, (), full=True, oldest_at=times[0])


@dataclass(frozen=True)
class OneWindow:
    window: ListenWindow

    def recently_played(self) -> ListenWindow:
        return self.window


@pytest.mark.parametrize("first", [0, 25], ids=["a new account", "half a window later"])
def test_a_pull_reads_an_account_by_one_statement(migrated: Database, tmp_path: Path, first: int) -> None:
    batches = Batches(open_lake(str(tmp_path)), migrated)
    batches.add(USERS, users(*((user_id, "UTC") for user_id in PEOPLE)), now=NOW)

    def pull(first: int, people: list[str]) -> None:
        parts = ListenStore(migrated), Accounts(migrated), batches
        pull_all = PullListens(lambda user_id: OneWindow(window_of(user_id, 50, first)), *parts)
        assert {outcome.problem for outcome in pull_all(people, now=NOW)} == {None}

    if first:
        pull(0, PEOPLE)
    counts = []
    for people in (PEOPLE[:10], PEOPLE[10:]):
        statements: list[str] = []
        note = lambda *args, statements=statements: statements.append(args[2])  # noqa: E731
        event.listen(migrated.engine, "before_cursor_execute", note)
        pull(first, people)
        event.remove(migrated.engine, "before_cursor_execute", note)
        counts.append(sum(statement.lstrip().upper().startswith(("SELECT", "WITH")) for statement in statements))
    each = (counts[1] - counts[0]) / 20
    # Without stored plays near the window, the newest one before it is asked for too.
    assert each <= (1.05 if first else 2.05), counts


def calls_of(plays: int) -> int:
    """The calls of functions for a window of ``plays``, half of them stored at other times."""
    window = window_of("ada", plays)
    songs = {track.track_id: track for track in window.tracks}
    before = window_of("ada", plays, first=plays // 2, every=4.001)
    stored = [(listen, songs.get(listen.track_id, before.tracks[0])) for listen in before.listens]
    calls = 0

    def count(_frame: Any, kind: str, _argument: Any) -> None:
        nonlocal calls
        calls += kind == "call"

    sys.setprofile(count)
    try:
        known_plays(window, window.listens, stored)
    finally:
        sys.setprofile(None)
    return calls


def test_comparing_a_window_takes_as_many_steps_as_it_has_plays() -> None:
    assert calls_of(200) < 5 * calls_of(50)


def test_a_token_that_was_just_read_is_not_read_again(migrated: Database) -> None:
    cipher, app = TokenCipher([TokenCipher.generate_key()]), SpotifyApp("app", None, "")
    token = Token("access", "refresh", NOW + timedelta(days=9), "scope", authorised_at=NOW, issuer=app.issuer)
    with SpotifyClients(app, TokenRows(migrated), cipher, clock=lambda: NOW) as clients:
        client = clients.for_user("ada", StoredToken(cipher.encrypt(token.to_json()), 1))
        assert client._tokens.access_token() == "access"  # the database has no token
