"""The parts of the client that need no server: names of endpoints, the pool, the retry policy."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import tenacity

from mood_core.errors import AccessDenied, QuotaExceeded, RateLimited, SourceError, Unavailable
from mood_core.http.retry import RetryPolicy
from mood_core.spotify.session import Pool, endpoint_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("me", "me"),
        ("me/", "me"),
        ("me/player/recently-played?limit=50", "me/player/recently-played"),
        ("audio-features?ids=a,b", "audio-features"),
        ("tracks/11dFghVXANMlKmJXsNCbNl", "tracks/{id}"),
        ("playlists/37i9dQ/items?limit=50", "playlists/{id}/items"),
        ("playlists/37i9dQ/tracks", "playlists/{id}/tracks"),
        ("playlists/tracks/items", "playlists/{id}/items"),
        ("api/token", "token"),
    ],
)
@pytest.mark.parametrize("base", ["https://api.spotify.com/v1", "http://127.0.0.1:1/a/b", "http://127.0.0.1:1"])
def test_endpoints_are_named_without_ids(base: str, path: str, name: str) -> None:
    assert endpoint_name(f"{base}/{path}", urlsplit(base).path) == name


def test_a_pool_lends_each_object_to_one_borrower_at_a_time() -> None:
    made: list[object] = []
    closed: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    pool = Pool(make, closed.append)
    with pool.borrow() as first, pool.borrow() as second:
        assert first is not second
    with pool.borrow() as again:
        assert again is first
    assert len(made) == 2
    pool.close()
    assert closed == [second, first]
    with pool.borrow() as fresh:
        assert fresh not in (first, second)


def test_a_pool_under_many_threads() -> None:
    in_use: set[int] = set()
    clashes: list[int] = []
    pool = Pool(object, lambda _: None)

    def borrow() -> None:
        for _ in range(200):
            with pool.borrow() as item:
                if id(item) in in_use:
                    clashes.append(id(item))
                in_use.add(id(item))
                time.sleep(0)
                in_use.discard(id(item))

    threads = [threading.Thread(target=borrow) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clashes == []


class Failing:
    """Fails with each of ``errors`` in turn, then gives an answer."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


DOWN = Unavailable("down", source="spotify")


def slow_down(seconds: float) -> RateLimited:
    return RateLimited("slow down", source="spotify", retry_after_s=seconds)


def test_short_failures_are_repeated_and_waits_grow() -> None:
    waits: list[float] = []
    request = Failing(DOWN, DOWN, slow_down(30))
    assert RetryPolicy(sleep=waits.append).run(request) == "answer"
    assert 0.25 <= waits[0] <= 0.75
    assert 0.25 <= waits[1] <= 1.5
    assert 30.25 <= waits[2] <= 33


@pytest.mark.parametrize(
    "error",
    [
        AccessDenied("denied", source="spotify"),
        QuotaExceeded("used up", source="spotify", retry_after_s=9000),
        SourceError("refused", source="spotify"),
        ValueError("a mistake of ours"),
    ],
)
def test_other_failures_are_not(error: Exception) -> None:
    request = Failing(error)
    with pytest.raises(type(error)) as caught:
        RetryPolicy(sleep=lambda _: None).run(request)
    assert caught.value is error
    assert request.tries == 1


def test_tries_that_time_out_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    request, now = Failing(DOWN, DOWN, DOWN), [0.0]
    monkeypatch.setattr(tenacity, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def slow() -> str:
        now[0] += 15.0
        return request()

    with pytest.raises(Unavailable):
        RetryPolicy(sleep=lambda _: None, total_request_s=25.0).run(slow)
    assert request.tries == 2


def test_waits_come_to_an_end() -> None:
    waits: list[float] = []
    request = Failing(*[slow_down(50)] * 9)
    with pytest.raises(RateLimited):
        RetryPolicy(sleep=waits.append, attempts=10).run(request)
    assert len(waits) == 2
