"""Calls of the Prefect server with retries while it does not answer. Only this module of the flows retries them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import httpx
from prefect.client.orchestration import get_client
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging import get_logger
from prefect.runtime import deployment
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from mood_core.errors import Unavailable

Answer = TypeVar("Answer")

OUTAGE_S = 900.0
"""How long a run retries calls of a server that does not answer."""

_LONGEST_WAIT_S = 10.0
_BUSY = frozenset({408, 429})

log = get_logger(__name__)


def with_retries(call: Callable[[], Answer], *, for_s: float | None = None) -> Answer:
    """Return the result of ``call``; retry it while the Prefect server does not answer.

    Retries for up to ``for_s`` seconds, by default :data:`OUTAGE_S`.

    Raises:
        Unavailable: The server did not answer in that time.
    """
    for_s = OUTAGE_S if for_s is None else for_s
    retrying = Retrying(
        retry=retry_if_exception(is_unavailable),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_S),
        stop=stop_after_delay(for_s),
        before_sleep=_report,
        reraise=True,
    )
    try:
        with _client_without_retries():
            return retrying(call)
    except Exception as error:
        if not is_unavailable(error):
            raise
        reason = str(error) or type(error).__name__
        raise Unavailable(
            f"the Prefect server did not answer for {for_s:.0f} s ({reason}); is it running?",
            source="prefect",
        ) from error


def if_possible(call: Callable[[], Answer], *, for_s: float | None = 60.0) -> Answer | None:
    """Return the result of an optional ``call``, with retries; log a warning and return None if the server is away."""
    try:
        return with_retries(call, for_s=for_s)
    except Unavailable as error:
        log.warning(error.message)
        return None


def server_answers() -> bool:
    """Wait for the server as :func:`with_retries` does; returns whether it answers."""
    return if_possible(_hello, for_s=None) is not None


def this_deployment() -> str | None:
    """The id of this run's deployment; None without one, or if the server does not answer.

    Prefect asks the server for it every time.
    """
    return if_possible(lambda: deployment.id, for_s=None)


def is_unavailable(error: BaseException) -> bool:
    """Whether ``error`` says that the server does not answer, or is too busy to."""
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code in _BUSY
    if isinstance(error, httpx.TransportError):
        return True
    # A client that checks the server's version first wraps the error.
    return isinstance(error, RuntimeError) and isinstance(error.__cause__, httpx.TransportError)


def _client_without_retries() -> AbstractContextManager[SettingsContext]:
    """Turn the retries of Prefect's client off: the two would multiply.

    Prefect's ``temporary_settings`` validates all settings again, which takes longer than most calls.
    """
    context = get_settings_context()
    client = context.settings.client.model_copy(update={"max_retries": 0})
    return SettingsContext(profile=context.profile, settings=context.settings.model_copy(update={"client": client}))


def _hello() -> bool:
    with get_client(sync_client=True) as client:
        client.hello().raise_for_status()
    return True


def _report(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        log.warning("The Prefect server does not answer; retrying: %s", state.outcome.exception())
