"""Faults on request: what can go wrong with an outside service, when asked for, to whom, how often."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from standin.world import iso


class FaultKind(StrEnum):
    """What goes wrong."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    SLOW = "slow"
    CUT_BEFORE_ANSWER = "cut_before_answer"
    CUT_MID_BODY = "cut_mid_body"
    MALFORMED_JSON = "malformed_json"
    WRONG_SHAPE = "wrong_shape"
    EMPTY_BODY = "empty_body"
    REVOKED = "revoked"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    INVALID_GRANT = "invalid_grant"
    NULL_TRACK = "null_track"
    EPISODE_ITEM = "episode_item"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: What goes wrong.
        endpoint: An endpoint's name as in the call log; None for all.
        listener: A listener's user or account id; None for all.
        times: After how many hits it is over; None for never.
        probability: Share of the matching calls that it hits.
        skip: How many matching calls it lets pass first.
        retry_after_s: Of ``rate_limited``: the Retry-After header.
        reason: Of ``rate_limited``: ``QUOTA_EXCEEDED`` for the daily quota's form.
        delay_s: How long the answer is held back before.
        status: Of ``server_error``: the status.
        starts_at: The moment of the stand-in's clock (aware, or ISO 8601 text) before which it hits nothing.
        ends_at: The moment from which it hits nothing more.
        body: Of ``wrong_shape`` and ``malformed_json``: the body to send instead.
    """

    kind: FaultKind | str
    endpoint: str | None = None
    listener: str | None = None
    times: int | None = 1
    probability: float = 1.0
    skip: int = 0
    retry_after_s: int = 5
    reason: str | None = None
    delay_s: float = 0.0
    status: int = 503
    starts_at: datetime | str | None = None
    ends_at: datetime | str | None = None
    body: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        object.__setattr__(self, "starts_at", _moment(self.starts_at))
        object.__setattr__(self, "ends_at", _moment(self.ends_at))

    def in_force(self, now: datetime) -> bool:
        """Whether ``now`` lies between ``starts_at`` and ``ends_at``."""
        starts, ends = _moment(self.starts_at), _moment(self.ends_at)
        return (starts is None or starts <= now) and (ends is None or now < ends)

    def as_json(self) -> dict[str, Any]:
        """The fields, times as ISO 8601 text."""
        return {name: iso(value) if isinstance(value, datetime) else value for name, value in asdict(self).items()}


def _moment(value: datetime | str | None) -> datetime | None:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a fault starts and ends at times with a zone")
    return moment


@dataclass(slots=True)
class _Armed:
    fault: Fault
    matched: int = 0
    hits: int = 0

    def over(self) -> bool:
        return self.fault.times is not None and self.hits >= self.fault.times


@dataclass(slots=True)
class Faults:
    """The faults in force, first added first tried; at most one hits a call. Thread-safe, seeded."""

    seed: int = 0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _armed: list[_Armed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"faults/{self.seed}")

    def add(self, *faults: Fault) -> None:
        """Put ``faults`` in force."""
        with self._lock:
            self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._armed.clear()

    def take(self, endpoint: str, listener_names: tuple[str, ...]) -> Fault | None:
        """The fault that hits this call, if any."""
        with self._lock:
            for armed in self._armed:
                if self._hits(armed, endpoint, listener_names):
                    armed.hits += 1
                    return armed.fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """The faults that are not over, with their ``hits`` so far."""
        with self._lock:
            return [{**armed.fault.as_json(), "hits": armed.hits} for armed in self._armed if not armed.over()]

    def _hits(self, armed: _Armed, endpoint: str, listener_names: tuple[str, ...]) -> bool:
        fault = armed.fault
        if armed.over() or fault.endpoint not in (None, endpoint) or not fault.in_force(self.now()):
            return False
        if fault.listener is not None and fault.listener not in listener_names:
            return False
        armed.matched += 1
        return armed.matched > fault.skip and self._rng.random() < fault.probability
