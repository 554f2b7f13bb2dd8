"""Client for the ReccoBeats API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import httpx

from mood_core.features.reccobeats.payload import Entry, in_order, read_entries, unexpected
from mood_core.http.call_ledger import CallLedger
from mood_core.http.json_service import RETRY, TIMEOUT, JsonService
from mood_core.http.retry import RetryPolicy

BASE_URL = "https://api.reccobeats.com/v1"
IDS_PER_CALL = 40
AUDIO_FEATURES = "reccobeats/audio-features"
TRACK = "reccobeats/track"
"""Endpoint names in the call ledger."""

# Enough to find two unreadable ids among 40, and a limit for a service that refuses everything.
_MOST_REFUSALS = 13


class ReccoBeatsClient:
    """Looks up up to 40 ids per call at ReccoBeats. Close it, or use it as a context manager.

    Args:
        base_url: the API's URL with its version path.
        ledger: counts every request, and may refuse it.
        retry: the retry policy.
        timeout: timeout of one request.

    Raises:
        ConfigError: ``base_url`` is neither https nor http to this machine.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        *,
        ledger: CallLedger | None = None,
        retry: RetryPolicy = RETRY,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self._service = JsonService(
            "ReccoBeats", base_url, "MOODLOG_RECCOBEATS_URL", ledger=ledger, retry=retry, timeout=timeout
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    def audio_features(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        """The audio features of ``ids``: 1 to 40 Spotify ids or ISRCs; unknown ids are missing in the result.

        Raises:
            RateLimited: the Retry-After is too long to wait for.
            Unavailable: no valid response after all attempts.
            AccessDenied: requests are refused (403).
            UnexpectedPayload: the response violates the API's contract.
            QuotaExceeded: the ledger refused the call.
        """
        return self._entries("audio-features", AUDIO_FEATURES, ids)

    def tracks(self, ids: Sequence[str]) -> tuple[Entry, ...]:
        """The metadata of 1 to 40 ``ids``, including ``durationMs`` [ms]. Raises like :meth:`audio_features`."""
        return self._entries("track", TRACK, ids)

    def _entries(self, path: str, endpoint: str, ids: Sequence[str]) -> tuple[Entry, ...]:
        if not 1 <= len(ids) <= IDS_PER_CALL:
            raise ValueError(f"ReccoBeats accepts 1 to {IDS_PER_CALL} ids per call, not {len(ids)}")
        entries: list[Entry] = []
        pending = [list(ids)]
        refusals = 0
        while pending:
            part = pending.pop(0)
            response = self._service.response(path, endpoint, {"ids": ",".join(part)}, accepted=(400,))
            if response.status_code == 200:
                entries += read_entries(self._service.decoded(response))
                continue
            # The batch is split, so that one unreadable id does not block the others in every run.
            refusals += 1
            if refusals > _MOST_REFUSALS:
                raise unexpected("has the status 400", response.text)
            half = len(part) // 2
            pending += [each for each in (part[:half], part[half:]) if half]
        return in_order(entries)
