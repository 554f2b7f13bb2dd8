"""Calls of the Prefect server that outlast its outages. Nothing else in the flows repeats a call of the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.logging import get_logger
from prefect.runtime import deployment
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from mood_core.errors import Unavailable

Answer = TypeVar("Answer")

OUTAGE_S = 900.0
"""How long a run waits for a server that does not answer."""

_LONGEST_WAIT_S = 10.0
_BUSY = frozenset({408, 429})

log = get_logger(__name__)


def patiently(call: Callable[[], Answer], *, for_s: float | None = None) -> Answer:
    """Return what ``call`` returns; repeat it while the Prefect server does not answer.

    For up to ``for_s`` seconds, by default :data:`OUTAGE_S`.

    Raises:
        Unavailable: The server did not answer for all that time.
    """
    for_s = OUTAGE_S if for_s is None else for_s
    retrying = Retrying(
        retry=retry_if_exception(is_away),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_S),
        stop=stop_after_delay(for_s),
        before_sleep=_report,
        reraise=True,
    )
    try:
        # Prefect's client would repeat calls as well, and the two would multiply.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            return retrying(call)
    except Exception as error:
        if not is_away(error):
            raise
        reason = str(error) or type(error).__name__
        raise Unavailable(
            f"the Prefect server did not answer for {for_s:.0f} s ({reason}); is it running?",
            source="prefect",
        ) from error


def server_answers() -> bool:
    """Wait for the server as :func:`patiently` does; returns whether it answers."""
    try:
        patiently(_hello)
    except Unavailable as error:
        log.warning(error.message)
        return False
    return True


def this_deployment() -> str | None:
    """The id of the deployment that this run is of; None where there is none, or where the server stays away.

    Prefect asks the server for it, every time.
    """
    try:
        found: str | None = patiently(lambda: deployment.id)
    except Unavailable as error:
        log.warning(error.message)
        return None
    return found


def if_possible(call: Callable[[], object], *, for_s: float = 60.0) -> None:
    """Make a ``call`` that the run can do without: a server that stays away for ``for_s`` seconds is only logged."""
    try:
        patiently(call, for_s=for_s)
    except Unavailable as error:
        log.warning(error.message)


def is_away(error: BaseException) -> bool:
    """Whether ``error`` says that the server does not answer, or cannot answer for now."""
    if isinstance(error, PrefectHTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code in _BUSY
    if isinstance(error, httpx.TransportError):
        return True
    # A client that looks at the server's version first wraps what it meets.
    return isinstance(error, RuntimeError) and isinstance(error.__cause__, httpx.TransportError)


def _hello() -> None:
    with get_client(sync_client=True) as client:
        client.hello().raise_for_status()


def _report(state: RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        log.warning("The Prefect server does not answer; the run waits for it: %s", state.outcome.exception())
