"""Handles requests: finds the endpoint, applies faults, limits and latency, and logs the call."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence

from standin.calls import Call, CallLog, without_secrets
from standin.clock import Clock
from standin.damage import damaged, instead
from standin.faults import Fault, FaultKind, Faults
from standin.listeners import Listener
from standin.messages import Request, Response, json_response
from standin.quota import RollingLimit
from standin.services import Route, Service

_DAY_S = 86_400.0


class Application:
    """All services. ``latency_s`` is added to every call."""

    def __init__(
        self,
        services: Sequence[Service],
        clock: Clock,
        faults: Faults,
        calls: CallLog,
        *,
        revoke: Callable[[str], None],
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
        """The response to ``request``, after the latency."""
        if self.latency_s > 0:
            time.sleep(self.latency_s)
        for service in self._services:
            if request.path.startswith(service.prefix + "/"):
                return self._at_service(service, request)
        return json_response({"error": "There is nothing here."}, 404)

    def _at_service(self, service: Service, request: Request) -> Response:
        found, groups = _find(service, request)
        endpoint = found.endpoint if found else "unknown"
        listener = service.caller(request) if found else None
        fault = self._faults.take(endpoint, _names(listener)) if found else None
        if fault:
            self._strike(fault, listener)
        response = instead(fault, service, endpoint) if fault else None
        response = response or self._served(service, found, request, groups)
        if fault:
            response = damaged(fault, response)
        self._log(endpoint, request, listener, response.status, fault)
        return response

    def _strike(self, fault: Fault, listener: Listener | None) -> None:
        """Apply the effects of a fault that come before the response."""
        time.sleep(fault.delay_s)
        if fault.kind is FaultKind.REVOKED and listener:
            self._revoke(listener.listener_id)

    def _served(self, service: Service, found: Route | None, request: Request, groups: tuple[str, ...]) -> Response:
        """The service's own response."""
        if found is None:
            return service.error(404, "Service not found")
        return self._limited(service, found, request) or found.answer(request, *groups)

    def _limited(self, service: Service, found: Route, request: Request) -> Response | None:
        """The 429 of an endpoint that was called too often, or None."""
        if found.endpoint == "authorize":
            return None
        client = service.client(request)
        # The rate limit protects against real bursts and uses real time; the quota uses simulated days.
        wait = self.rate_limit.wait_s(f"{service.prefix}/{client}", time.monotonic())
        if wait:
            return service.error(429, "API rate limit exceeded", retry_after_s=math.ceil(wait))
        if not service.has_daily_quota:
            return None
        wait = self.daily_quota.wait_s(f"{found.endpoint}/{client}", self._clock.now_ms() / 1000)
        if wait:
            return service.error(429, "Quota exceeded", reason="QUOTA_EXCEEDED", retry_after_s=math.ceil(wait))
        return None

    def _log(
        self, endpoint: str, request: Request, listener: Listener | None, status: int, fault: Fault | None
    ) -> None:
        call = Call(
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
        self._calls.record(call)


def _find(service: Service, request: Request) -> tuple[Route | None, tuple[str, ...]]:
    path = request.path.removeprefix(service.prefix)
    for candidate in service.routes:
        match: re.Match[str] | None = candidate.pattern.match(path)
        if match and candidate.method == request.method:
            return candidate, match.groups()
    return None, ()


def _names(listener: Listener | None) -> tuple[str, ...]:
    return (listener.listener_id, listener.account_id) if listener else ()
