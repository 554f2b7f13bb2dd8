"""Applies a fault to a call: replaces the service's response or damages it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

from standin import payloads
from standin.faults import Fault, FaultKind
from standin.messages import Delivery, Response
from standin.services import Service
from standin.web_api import damage_item
from standin.world import iso

_REFUSALS = {
    FaultKind.UNAUTHORIZED: (401, "The access token expired"),
    FaultKind.REVOKED: (401, "Invalid access token"),
    FaultKind.FORBIDDEN: (403, "Forbidden"),
}


def instead(fault: Fault, service: Service, endpoint: str) -> Response | None:
    """The response of ``fault`` in place of the service's; None if the service responds."""
    if fault.kind is FaultKind.RATE_LIMITED:
        message = "Quota exceeded" if fault.reason else "API rate limit exceeded"
        return service.error(429, message, reason=fault.reason, retry_after_s=fault.retry_after_s)
    if fault.kind is FaultKind.SERVER_ERROR:
        return service.error(fault.status, "Service unavailable")
    if fault.kind is FaultKind.INVALID_GRANT:  # for a valid permission
        return service.error(400, "Refresh token revoked", reason="invalid_grant")
    if fault.kind is FaultKind.CUT_BEFORE_ANSWER:
        return Response(0, delivery=Delivery.CUT_BEFORE)
    # The token endpoint reports revoked tokens itself.
    if fault.kind not in _REFUSALS or (fault.kind is FaultKind.REVOKED and endpoint == "token"):
        return None
    status, message = _REFUSALS[FaultKind(fault.kind)]
    return service.error(status, fault.reason or message)


def damaged(fault: Fault, response: Response) -> Response:
    """``response`` with the damage of ``fault``."""
    if fault.kind is FaultKind.CUT_MID_BODY:
        return replace(response, delivery=Delivery.CUT_MIDWAY)
    if fault.kind is FaultKind.NULL_TRACK:
        return _damaged_item(response, None)
    if fault.kind is FaultKind.EPISODE_ITEM:
        return _damaged_item(response, payloads.episode())
    if fault.kind is FaultKind.REVISED_WINDOW:
        return _revised(response, fault)
    return replace(response, body=_body(fault, response.body))


def _body(fault: Fault, body: bytes) -> bytes:
    if fault.kind is FaultKind.EMPTY_BODY:
        return b""
    if fault.kind is FaultKind.MALFORMED_JSON:
        return body[: len(body) // 2] if fault.body is None else fault.body.encode()
    if fault.kind is FaultKind.WRONG_SHAPE:
        return (fault.body or '{"unexpected": [1, "two", null]}').encode()
    return body


def _damaged_item(response: Response, track: dict[str, object] | None) -> Response:
    if response.status != 200:
        return response
    return _with_content(response, damage_item(json.loads(response.body), track))


def _revised(response: Response, fault: Fault) -> Response:
    """A window with other times, and with other ids of the same tracks."""
    if response.status != 200:
        return response
    content = json.loads(response.body)
    for item in content["items"]:
        track = item["track"]
        item["played_at"] = iso(datetime.fromisoformat(item["played_at"]) + timedelta(milliseconds=fault.shift_ms))
        if fault.relinked_by and not track["is_local"]:
            track["id"] = track["id"][::-1]
            track["uri"] = f"spotify:track:{track['id']}"
            if fault.relinked_by == "isrc":
                track["name"] = "Renamed"
            else:
                track["external_ids"] = {}
    return _with_content(response, content)


def _with_content(response: Response, content: object) -> Response:
    return replace(response, body=json.dumps(content, ensure_ascii=False).encode())
