"""What a fault does to a call: an answer in place of the service's, or damage to it on its way."""

from __future__ import annotations

import json
from dataclasses import replace

from mood_core.standin import payloads
from mood_core.standin.faults import Fault, FaultKind
from mood_core.standin.messages import Delivery, Response
from mood_core.standin.services import Service
from mood_core.standin.web_api import spoil_item


def instead(fault: Fault, service: Service, endpoint: str) -> Response | None:
    """The answer that ``fault`` gives in place of the service; None when the service is to answer."""
    match fault.kind:
        case FaultKind.RATE_LIMITED:
            message = "Quota exceeded" if fault.reason else "API rate limit exceeded"
            return service.error(429, message, reason=fault.reason, retry_after_s=fault.retry_after_s)
        case FaultKind.SERVER_ERROR:
            return service.error(fault.status, "Service unavailable")
        case FaultKind.CUT_BEFORE_ANSWER:
            return Response(0, delivery=Delivery.CUT_BEFORE)
        case FaultKind.UNAUTHORIZED:
            return service.error(401, "The access token expired")
        case FaultKind.FORBIDDEN:
            return service.error(403, "Forbidden")
        case FaultKind.REVOKED if endpoint != "token":
            return service.error(401, "Invalid access token")
        case _:
            return None


def damaged(fault: Fault, response: Response) -> Response:
    """``response`` as ``fault`` lets it arrive."""
    match fault.kind:
        case FaultKind.CUT_MID_BODY:
            return replace(response, delivery=Delivery.CUT_MIDWAY)
        case FaultKind.MALFORMED_JSON:
            half = response.body[: len(response.body) // 2]
            return replace(response, body=half if fault.body is None else fault.body.encode())
        case FaultKind.WRONG_SHAPE:
            return replace(response, body=(fault.body or '{"unexpected": [1, "two", null]}').encode())
        case FaultKind.EMPTY_BODY:
            return replace(response, body=b"")
        case FaultKind.NULL_TRACK:
            return _respelt(response, None)
        case FaultKind.EPISODE_ITEM:
            return _respelt(response, payloads.episode())
        case _:
            return response


def _respelt(response: Response, track: dict[str, object] | None) -> Response:
    if response.status != 200:
        return response
    content = spoil_item(json.loads(response.body), track)
    return replace(response, body=json.dumps(content, ensure_ascii=False).encode())
