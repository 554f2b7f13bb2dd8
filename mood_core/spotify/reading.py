"""Reads a response body with a total time and size limit: requests' own timeout restarts with every byte."""

from __future__ import annotations

import time

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from mood_core.errors import UnexpectedPayload
from mood_core.spotify.failures import SOURCE

USER_AGENT = "moodlog"

TIMEOUT_S = (5.0, 15.0)
"""Timeouts for a connection and for each part of a response."""

WITHIN_S = 30.0
MOST_BYTES = 16_000_000
"""A window of listens has some 100,000 bytes."""

_CHUNK = 65_536


def read_body(response: requests.Response) -> None:
    """Read the body of a streamed ``response``, decoded, so that its ``text`` and ``json()`` work.

    Raises:
        requests.Timeout: it is not complete after ``WITHIN_S`` seconds.
        requests.ConnectionError: the connection was closed, or the body cannot be decoded.
        UnexpectedPayload: it has more than ``MOST_BYTES`` bytes.
    """
    ends_at, body = time.monotonic() + WITHIN_S, bytearray()
    try:
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            _check(len(body), ends_at)
    except ReadTimeoutError as error:
        raise requests.Timeout("the response stopped") from error
    except HTTPError as error:
        raise requests.ConnectionError("the response was truncated") from error
    finally:
        if not response.raw.isclosed():
            response.close()
    response._content = bytes(body)  # noqa: SLF001 - requests has no other way to take a body read elsewhere


def _check(size: int, ends_at: float) -> None:
    if size > MOST_BYTES:
        raise UnexpectedPayload(f"Spotify's response has more than {MOST_BYTES} bytes; it was not read.", source=SOURCE)
    if time.monotonic() > ends_at:
        raise requests.Timeout("the response takes too long")
