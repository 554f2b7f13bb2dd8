"""Two processes that refresh one account at once, on a real database: the refresh token is spent once."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from mood_core.http.call_ledger import NullCallLedger
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.account_tokens import AccountTokens, store_new_token
from mood_core.spotify.session import accounts_pool
from mood_core.spotify.token_service import TokenService
from mood_core.spotify.tokens import TokenCipher
from mood_core.store.engine.database import Database, open_database
from mood_core.store.engine.migrate import migrate
from mood_core.store.queries.token_rows import TokenRows
from tests.contract.spotify_fakes import Reply, Seen, app_at, serving, token

ROOT = Path(__file__).resolve().parents[2]
ADD_PERSON = text(
    "INSERT INTO users (user_id, display_name, timezone, connected_at_ms, recorded_at_ms)"
    " VALUES ('person', 'Person', 'UTC', 0, 0)"
)


def worker(database_url: str, service_url: str, key: str) -> str:
    """One process's work: an access token of the account."""
    database = open_database(database_url)
    retry = RetryPolicy()
    service = TokenService(accounts_pool(app_at(service_url), NullCallLedger()), retry)
    tokens = AccountTokens("person", TokenRows(database), TokenCipher([key]), service, retry=retry)
    try:
        return tokens.access_token()
    finally:
        database.close()


class Rotating:
    """Rotates slowly, so that the processes meet."""

    def __init__(self) -> None:
        self.valid = "refresh-1"
        self.spent: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, seen: Seen) -> Reply:
        with self.lock:
            if seen.form["refresh_token"] != self.valid:
                return Reply(400, {"error": "invalid_grant"})
            self.spent.append(self.valid)
            self.valid = f"refresh-{len(self.spent) + 1}"
            body = {
                "access_token": f"access-{len(self.spent) + 1}",
                "refresh_token": self.valid,
                "expires_in": 3600,
            }
        return Reply(body=body, delay_s=1.0)


@pytest.mark.slow
def test_two_processes_spend_the_refresh_token_once(database: Database) -> None:
    url, key = database.engine.url.render_as_string(hide_password=False), TokenCipher.generate_key()
    migrate(database, now=datetime.now(UTC))
    with database.write() as connection:
        connection.execute(ADD_PERSON)
    store_new_token("person", token(lives=timedelta(0)), TokenRows(database), TokenCipher([key]))
    endpoint = Rotating()
    with serving(answer=endpoint) as server:
        command = [sys.executable, "-m", "tests.contract.test_spotify_processes", url, server.url, key]
        running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        reported = [process.communicate(timeout=600)[0].strip() for process in running]
    assert reported == ["access-2"] * 3
    assert endpoint.spent == ["refresh-1"]
    with database.read() as connection:
        row = connection.execute(text("SELECT state, token_version, refresh_owner FROM _accounts")).one()
    assert tuple(row) == ("active", 2, None)


if __name__ == "__main__":
    print(worker(*sys.argv[1:]))  # noqa: T201 - the answer to the test
