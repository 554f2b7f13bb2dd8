"""Fault injection: failures of an outside service, by time, endpoint and listener."""

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
    """Kind of failure."""

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
    REVISED_WINDOW = "revised_window"


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure.

    Attributes:
        kind: The kind of failure.
        endpoint: An endpoint's name as in the call log; None for all.
        listener: A listener's user or account id; None for all.
        times: Number of affected calls; None for no limit.
        probability: Fraction of the matching calls to affect.
        skip: Number of matching calls to pass first.
        retry_after_s: For ``rate_limited``: the Retry-After header; None for a response without one.
        reason: For ``rate_limited``: ``QUOTA_EXCEEDED`` for the form of the daily quota; for refusals: the message.
        delay_s: Delay before the response.
        status: For ``server_error``: the status.
        starts_at: Start by the stand-in's clock (aware, or ISO 8601 text).
        ends_at: End (exclusive) by the stand-in's clock.
        body: For ``wrong_shape`` and ``malformed_json``: the body to send instead.
        shift_ms: For ``revised_window``: how much later all plays are reported.
        relinked_by: For ``revised_window``: what the tracks' other ids share with the old ones, ``isrc`` or ``name``;
            None keeps the ids.
    """

    kind: FaultKind | str
    endpoint: str | None = None
    listener: str | None = None
    times: int | None = 1
    probability: float = 1.0
    skip: int = 0
    retry_after_s: int | None = 5
    reason: str | None = None
    delay_s: float = 0.0
    status: int = 503
    starts_at: datetime | str | None = None
    ends_at: datetime | str | None = None
    body: str | None = None
    shift_ms: int = 0
    relinked_by: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        object.__setattr__(self, "starts_at", _aware(self.starts_at))
        object.__setattr__(self, "ends_at", _aware(self.ends_at))

    def in_force(self, now: datetime) -> bool:
        """Whether ``now`` is between ``starts_at`` and ``ends_at``."""
        starts, ends = _aware(self.starts_at), _aware(self.ends_at)
        return (starts is None or starts <= now) and (ends is None or now < ends)

    def as_json(self) -> dict[str, Any]:
        """The fields, times as ISO 8601 text."""
        return {name: iso(value) if isinstance(value, datetime) else value for name, value in asdict(self).items()}


def _aware(value: datetime | str | None) -> datetime | None:
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    if time is not None and time.tzinfo is None:
        raise ValueError("starts_at and ends_at need a time zone")
    return time


@dataclass(slots=True)
class _Armed:
    fault: Fault
    matched: int = 0
    hits: int = 0

    def over(self) -> bool:
        return self.fault.times is not None and self.hits >= self.fault.times


@dataclass(slots=True)
class Faults:
    """The active faults, tried in the order of adding; at most one affects a call. Thread-safe, seeded."""

    seed: int = 0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _armed: list[_Armed] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(f"faults/{self.seed}")

    def add(self, *faults: Fault) -> None:
        """Activate ``faults``."""
        with self._lock:
            self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._armed.clear()

    def take(self, endpoint: str, listener_names: tuple[str, ...]) -> Fault | None:
        """The fault that affects this call, if any."""
        with self._lock:
            for armed in self._armed:
                if self._hits(armed, endpoint, listener_names):
                    armed.hits += 1
                    return armed.fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """The active faults with their ``hits`` so far."""
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
