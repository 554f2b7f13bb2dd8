"""Calls of a Prefect server that is away: which errors say so, and how long they are repeated."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES

from flows.server.retries import if_possible, is_unavailable, with_retries
from mood_core.errors import Unavailable


def _answers_after(failures: list[Exception]) -> Callable[[], str]:
    def call() -> str:
        if failures:
            raise failures.pop()
        return "here"

    return call


def _status(code: int) -> PrefectHTTPStatusError:
    request = httpx.Request("GET", "http://127.0.0.1/api")
    return PrefectHTTPStatusError("no", request=request, response=httpx.Response(code, request=request))


def test_a_call_is_repeated_until_the_server_answers() -> None:
    assert with_retries(_answers_after([httpx.ConnectError("refused"), _status(503)])) == "here"


def test_the_retries_of_prefects_client_do_not_multiply_these() -> None:
    given = PREFECT_CLIENT_MAX_RETRIES.value()
    assert with_retries(PREFECT_CLIENT_MAX_RETRIES.value) == 0
    assert PREFECT_CLIENT_MAX_RETRIES.value() == given > 0


def test_a_server_that_stays_away_is_named_and_what_the_run_can_do_without_is_left() -> None:
    def refused() -> None:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unavailable, match=r"Prefect server did not answer.*is it running") as caught:
        with_retries(refused, for_s=0)
    assert caught.value.source == "prefect"
    if_possible(refused, for_s=0)


def test_what_the_server_refuses_is_not_repeated() -> None:
    failures: list[Exception] = [_status(409), ValueError("a defect")]
    call = _answers_after(failures)
    with pytest.raises(ValueError, match="a defect"):
        with_retries(call)
    with pytest.raises(PrefectHTTPStatusError):
        with_retries(call)
    assert failures == []


def test_a_client_that_looks_at_the_version_first_hides_why_it_cannot() -> None:
    wrapped = RuntimeError("Failed to reach API at http://127.0.0.1/api")
    wrapped.__cause__ = httpx.ConnectError("refused")
    assert is_unavailable(wrapped)
    assert not is_unavailable(RuntimeError("something else"))
