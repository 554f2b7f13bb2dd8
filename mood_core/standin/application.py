"""From request to response: finds the endpoint, applies faults, limits and latency, and logs the call."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence

from mood_core.standin.calls import Call, CallLog, without_secrets
from mood_core.standin.clock import Clock
from mood_core.standin.damage import damaged, instead
from mood_core.standin.faults import Fault, FaultKind, Faults
from mood_core.standin.listeners import Listener
from mood_core.standin.messages import Request, Response, json_response
from mood_core.standin.quota import RollingLimit
from mood_core.standin.services import Route, Service

_DAY_S = 86_400.0


class Application:
    """All services behind one door. ``latency_s`` is added to every call."""

    def __init__(
        self,
        services: Sequence[Service],
        clock: Clock,
        faults: Faults,
        calls: CallLog,
        revoke: Callable[[str], None],
        *,
        latency_s: float = 0.0,
        daily_quota: int | None = None,
        rate_per_30s: int | None = None,
    ) -> None:
        self._services = services
        self._clock = clock
        self._faults = faults
        self._calls = calls
        self._revoke = revoke
        self.latency_s = latency_s
        self.daily_quota = RollingLimit(daily_quota, _DAY_S)
        self.rate_limit = RollingLimit(rate_per_30s, 30.0)

    def answer(self, request: Request) -> Response:
        """The response to ``request``, after the latency asked for."""
        if self.latency_s > 0:
            time.sleep(self.latency_s)
        for service in self._services:
            if request.path.startswith(service.prefix + "/"):
                return self._at_service(service, request)
        return json_response({"error": "There is nothing here."}, 404)

    def _at_service(self, service: Service, request: Request) -> Response:
        found, groups = _find(service, request)
        if found is None:
            response, listener, fault = service.error(404, "Service not found"), None, None
        else:
            listener = service.caller(request)
            fault = self._faults.take(found.endpoint, _names(listener))
            response = self._at_endpoint(service, found, request, groups, listener, fault)
        endpoint = found.endpoint if found else "unknown"
        self._log(endpoint, request, listener, response.status, fault)
        return response

    def _at_endpoint(
        self,
        service: Service,
        found: Route,
        request: Request,
        groups: tuple[str, ...],
        listener: Listener | None,
        fault: Fault | None,
    ) -> Response:
        if fault is None:
            return self._limited(service, found, request) or found.answer(request, *groups)
        time.sleep(fault.delay_s)
        if fault.kind is FaultKind.REVOKED and listener:
            self._revoke(listener.listener_id)
        response = instead(fault, service, found.endpoint)
        if response is None:
            response = self._limited(service, found, request) or found.answer(request, *groups)
        return damaged(fault, response)

    def _limited(self, service: Service, found: Route, request: Request) -> Response | None:
        """The 429 of an endpoint that was called too often."""
        if found.endpoint == "authorize":
            return None
        client = service.client(request)
        # The rate limit guards against real bursts, so it goes by real time; the quota is one of simulated days.
        wait = self.rate_limit.wait_s(f"{service.prefix}/{client}", time.monotonic())
        if wait:
            return service.error(429, "API rate limit exceeded", retry_after_s=math.ceil(wait))
        wait = self.daily_quota.wait_s(f"{found.endpoint}/{client}", self._clock.now_ms() / 1000)
        if wait:
            return service.error(429, "Quota exceeded", reason="QUOTA_EXCEEDED", retry_after_s=math.ceil(wait))
        return None

    def _log(
        self, endpoint: str, request: Request, listener: Listener | None, status: int, fault: Fault | None
    ) -> None:
        self._calls.record(
            Call(
                at=self._clock.now(),
                endpoint=endpoint,
                method=request.method,
                path=request.path,
                query=without_secrets(request.query_string),
                user_agent=request.user_agent,
                listener=listener.listener_id if listener else None,
                status=status,
                fault=str(fault.kind) if fault else None,
            )
        )


def _find(service: Service, request: Request) -> tuple[Route | None, tuple[str, ...]]:
    path = request.path.removeprefix(service.prefix)
    for candidate in service.routes:
        match: re.Match[str] | None = candidate.pattern.match(path)
        if match and candidate.method == request.method:
            return candidate, match.groups()
    return None, ()


def _names(listener: Listener | None) -> tuple[str, ...]:
    return (listener.listener_id, listener.account_id) if listener else ()
