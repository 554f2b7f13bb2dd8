"""Rolling limits of calls: Spotify's daily quota per endpoint, and its rate limit over 30 s."""

from __future__ import annotations

import threading
from collections import defaultdict, deque


class RollingLimit:
    """At most ``limit`` calls per key in any ``span_s`` seconds; None for no limit. Thread-safe."""

    def __init__(self, limit: int | None, span_s: float) -> None:
        self.limit = limit
        self._span_s = span_s
        self._lock = threading.Lock()
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait_s(self, key: str, now_s: float) -> float:
        """Count a call and return 0, or return the seconds until ``key`` may call again."""
        if self.limit is None:
            return 0.0
        with self._lock:
            times = self._times[key]
            while times and times[0] <= now_s - self._span_s:
                times.popleft()
            if len(times) < self.limit:
                times.append(now_s)
                return 0.0
            return (times[0] if times else now_s) + self._span_s - now_s
